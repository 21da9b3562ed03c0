import { posix } from "node:path";
import * as v from "valibot";
import { accept, list, read, Refusal } from "../flag-schema.ts";
import { ADDABLE_CAPABILITIES, type CapabilityName, DEFAULT_CAPABILITIES } from "../sandbox/capabilities.ts";
import { isJobName, JOB_NAME_FORM } from "../state/ids.ts";
import {
  DURATION_FORM,
  parseCpuList,
  parseDuration,
  parsePercent,
  parsePids,
  parseSize,
  PERCENT_FORM,
  PIDS_FORM,
  SIZE_FORM,
} from "../units.ts";
import { type Environment, parseAssignment, readEnvironmentFile } from "./environment.ts";
import { parseOutput } from "./outputs.ts";
import { findClashes, planDirectoryUpload, planFileUpload } from "./upload-plan.ts";

const text = v.optional(v.pipe(v.union([v.string(), v.number()], "expected text"), v.transform(String)));
const texts = v.optional(
  v.pipe(
    v.union([v.string(), v.array(v.string())], "expected text or a list of texts"),
    v.transform((value) => (typeof value === "string" ? [value] : value)),
  ),
);
const onOrOff = v.optional(v.boolean("expected true or false"));

/** The flags of `job run` as they are given, on the command line or in a file: their kinds alone are checked. */
export const runFlagsSchema = v.object({
  runtime: text,
  name: text,
  maxCpu: text,
  maxMemory: text,
  maxIobps: text,
  cpuCores: text,
  maxPids: text,
  bestEffort: onOrOff,
  timeout: text,
  stopGrace: text,
  network: text,
  upload: texts,
  uploadDir: texts,
  autoUpload: onOrOff,
  output: texts,
  env: texts,
  envFile: texts,
  secretEnv: texts,
  workdir: text,
  interactive: onOrOff,
  rm: onOrOff,
  logMax: text,
  userns: text,
  capAdd: texts,
});

/** Flags of `job run`; what was not given is absent. */
export type RunFlags = Readonly<v.InferOutput<typeof runFlagsSchema>>;

/** Where and by whom the flags are given. */
export interface Caller {
  readonly directory: string;
  readonly environment: Environment;
  readonly onlineCores: readonly number[];
}

/** Less than a page a second moves nothing: the kernel takes the value and the job hangs. */
const MIN_IO_BYTES_PER_SECOND = 4096;

/**
 * What each flag of `job run` takes and what it becomes, defaults included. Every issue is a whole sentence: the
 * flag, the value in quotes, what is wrong or the accepted form.
 */
export function makeFlagSchema({ directory, environment, onlineCores }: Caller) {
  const flags = v.object({
    runtime: v.optional(v.string()),
    name: v.optional(accept("--name", (text) => (isJobName(text) ? text : undefined), JOB_NAME_FORM)),
    maxCpu: v.optional(accept("--max-cpu", parsePercent, PERCENT_FORM)),
    maxMemory: v.optional(accept("--max-memory", (text) => parseSize(text, "MB"), SIZE_FORM.MB)),
    maxIobps: v.optional(accept("--max-iobps", parseIoRate, `${SIZE_FORM.B}, at least 4096`)),
    cpuCores: v.optional(read("--cpu-cores", (text) => refuseText(parseCpuList(text, onlineCores)))),
    maxPids: v.optional(accept("--max-pids", parsePids, PIDS_FORM)),
    bestEffort: v.optional(v.boolean(), false),
    timeout: v.optional(accept("--timeout", parseTimeout, `${DURATION_FORM}, more than 0`)),
    stopGrace: v.optional(accept("--stop-grace", parseDuration, DURATION_FORM)),
    network: v.optional(read("--network", parseNetwork), "none"),
    upload: list(read("--upload", (text) => refuseText(planFileUpload(text, directory)))),
    uploadDir: list(read("--upload-dir", (text) => refuseText(planDirectoryUpload(text, directory)))),
    autoUpload: v.optional(v.boolean(), true),
    output: list(read("--output", (text) => parseOutput(text, directory))),
    env: list(read("--env", (text) => parseAssignment(text, environment))),
    envFile: list(read("--env-file", (file) => readEnvironmentFile(file, directory, environment))),
    secretEnv: list(read("--secret-env", (text) => parseAssignment(text, environment), hideValue)),
    workdir: v.optional(accept("--workdir", parseWorkdir, "an absolute path"), "/work"),
    interactive: v.optional(v.boolean(), false),
    rm: v.optional(v.boolean(), false),
    logMax: v.optional(accept("--log-max", (text) => parseSize(text, "MB"), SIZE_FORM.MB)),
    userns: v.optional(accept("--userns", parseSwitch, "on or off"), "on"),
    capAdd: list(accept("--cap-add", parseCapability, `one of ${ADDABLE_CAPABILITIES.join(", ")}`)),
  });
  return v.pipe(
    flags,
    v.partialCheck(
      [["upload"], ["uploadDir"]],
      ({ upload, uploadDir }) => findClashes([...upload, ...uploadDir]).length === 0,
      ({ input: { upload, uploadDir } }) => `--upload: ${findClashes([...upload, ...uploadDir]).join("; ")}`,
    ),
  );
}

/** The flags over the defaults of rnx.yml: one value replaces the default, those of a list are added to it. */
export function defaultFlags(given: RunFlags, defaults: RunFlags): RunFlags {
  const both = (key: "upload" | "uploadDir" | "output" | "env" | "envFile" | "secretEnv" | "capAdd") => [
    ...(defaults[key] ?? []),
    ...(given[key] ?? []),
  ];
  const single = Object.entries(given).filter(([, value]) => value !== undefined);
  return {
    ...defaults,
    ...Object.fromEntries(single),
    upload: both("upload"),
    uploadDir: both("uploadDir"),
    output: both("output"),
    env: both("env"),
    envFile: both("envFile"),
    secretEnv: both("secretEnv"),
    capAdd: both("capAdd"),
  };
}

function refuseText<T>(value: T | string): T | Refusal {
  return typeof value === "string" ? new Refusal(value) : value;
}

function parseIoRate(text: string): number | undefined {
  const bytes = parseSize(text, "B");
  return bytes === undefined || bytes < MIN_IO_BYTES_PER_SECOND ? undefined : bytes;
}

function parseTimeout(text: string): number | undefined {
  const ms = parseDuration(text);
  return ms === 0 ? undefined : ms;
}

function parseNetwork(text: string): "none" | "host" | Refusal {
  return text === "none" || text === "host"
    ? text
    : new Refusal("network not found; there are none and host");
}

function parseWorkdir(text: string): string | undefined {
  return text.startsWith("/") && !text.includes("\0") ? posix.resolve(text) : undefined;
}

function parseSwitch(text: string): boolean | undefined {
  return text === "on" ? true : text === "off" ? false : undefined;
}

function parseCapability(text: string): CapabilityName | undefined {
  const name = text.toUpperCase().replace(/^(CAP_)?/, "CAP_");
  return [...ADDABLE_CAPABILITIES, ...DEFAULT_CAPABILITIES].find((capability) => capability === name);
}

/** A malformed secret may be the secret itself. */
function hideValue(text: string): string {
  const end = text.indexOf("=");
  if (end !== -1) return `${text.slice(0, end)}=***`;
  return /^\w+$/.test(text) ? text : "***";
}
