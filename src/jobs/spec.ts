import type { Limits } from "../cgroups/limits.ts";
import { UsageError } from "../errors.ts";
import { parseFlags } from "../flag-schema.ts";
import type { CapabilityName } from "../sandbox/capabilities.ts";
import type { Config } from "../state/config.ts";
import { readFlagDefaults } from "./defaults.ts";
import type { Variable } from "./environment.ts";
import type { Output } from "./outputs.ts";
import { type Caller, defaultFlags, makeFlagSchema, type RunFlags } from "./run-flags.ts";
import { planAutoUploads } from "./upload-plan.ts";
import type { Upload } from "./uploads.ts";

/** A job as it is to be run: complete, checked, every default filled in. */
export interface JobSpec {
  /** What is executed: COMMAND [ARGS...], or /bin/sh -c COMMAND in the shell form. */
  readonly argv: readonly string[];
  readonly isShellForm: boolean;
  /** As typed, for the record. */
  readonly command: string;
  readonly args: readonly string[];
  readonly name?: string;
  readonly runtime?: string;
  readonly limits: Limits & { readonly maxPids: number };
  /** A default that the host cannot hold is noted; one that was asked for is an error. */
  readonly maxPidsIsDefault: boolean;
  readonly bestEffort: boolean;
  readonly timeoutMs?: number;
  readonly stopGraceMs: number;
  readonly network: "none" | "host";
  readonly uploads: readonly Upload[];
  readonly autoUploads: readonly Upload[];
  readonly outputs: readonly Output[];
  readonly environment: Readonly<Record<string, string>>;
  readonly secretEnvironment: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly interactive: boolean;
  readonly keepsRecord: boolean;
  readonly logMaxBytes: number;
  readonly userNamespace: boolean;
  readonly extraCapabilities: readonly CapabilityName[];
}

const DEFAULT_MAX_PIDS = 4096;
const DEFAULT_STOP_GRACE_MS = 10_000;

/**
 * The job that a command line asks for: `words` are COMMAND [ARGS...]. Reads the files that the flags name, changes
 * nothing. Throws UsageError with every mistake at once; each names the flag, the value and the accepted form.
 */
export function parseJobSpec(
  words: readonly string[],
  flags: RunFlags,
  caller: Caller,
  config: Config,
): JobSpec {
  const given = parseFlags(makeFlagSchema(caller), defaultFlags(flags, readFlagDefaults(config, caller)));

  if (words[0] === "") throw new UsageError("COMMAND is empty");
  const isShellForm = words.length === 1 && SHELL_CHARACTERS.test(words[0]!);
  const uploads = [...given.upload, ...given.uploadDir];
  const secretEnvironment = toRecord(given.secretEnv);
  const environment = toRecord(
    [...given.envFile.flat(), ...given.env].filter(({ key }) => !Object.hasOwn(secretEnvironment, key)),
  );
  return {
    argv: isShellForm ? ["/bin/sh", "-c", ...words] : words,
    isShellForm,
    command: words[0] ?? "",
    args: words.slice(1),
    limits: {
      maxPids: given.maxPids ?? DEFAULT_MAX_PIDS,
      ...(given.maxCpu !== undefined && { cpuPercent: given.maxCpu }),
      ...(given.maxMemory !== undefined && { memoryBytes: given.maxMemory }),
      ...(given.maxIobps !== undefined && { ioBytesPerSecond: given.maxIobps }),
      ...(given.cpuCores !== undefined && { cpuCores: given.cpuCores }),
    },
    maxPidsIsDefault: given.maxPids === undefined,
    bestEffort: given.bestEffort,
    ...(given.name !== undefined && { name: given.name }),
    ...(given.runtime !== undefined && { runtime: given.runtime }),
    ...(given.timeout !== undefined && { timeoutMs: given.timeout }),
    stopGraceMs: given.stopGrace ?? DEFAULT_STOP_GRACE_MS,
    network: given.network,
    uploads,
    autoUploads: given.autoUpload ? planAutoUploads({ words, isShellForm }, caller.directory, uploads) : [],
    outputs: given.output,
    environment,
    secretEnvironment,
    workdir: given.workdir,
    interactive: given.interactive,
    keepsRecord: !given.rm,
    logMaxBytes: given.logMax ?? config.logMaxBytes,
    userNamespace: given.userns,
    extraCapabilities: given.capAdd,
  };
}

/** White space and what means something to a shell: a COMMAND with one of these is a line for /bin/sh. */
const SHELL_CHARACTERS = /[\s|&;<>()$`\\"'*?[\]{}#~!]/;

/** The last value of a key counts. */
function toRecord(variables: readonly Variable[]): Record<string, string> {
  return Object.fromEntries(variables.map(({ key, value }) => [key, value]));
}
