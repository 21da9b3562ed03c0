import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { patient } from "./slowness.ts";

/** The built program: what users run, not the sources. */
export const RNX = join(import.meta.dir, "../../dist/rnx");

/** What one run of rnx gave back. */
export interface RnxResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RnxOptions {
  readonly cwd?: string;
  /** Added to PATH and RNX_HOME; undefined takes a variable away. Nothing else of this process is handed on. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string | Uint8Array;
  readonly timeoutMs?: number;
}

/** A directory for the records of one test file. Call remove() in afterAll. */
export function makeHome(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "rnx-test-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs dist/rnx with the arguments and waits for its end. A signal's end is 128 + its number, as in a shell. */
export async function runRnx(
  home: string,
  args: readonly string[],
  options: RnxOptions = {},
): Promise<RnxResult> {
  return runProgram([RNX, ...args], { ...options, env: { RNX_HOME: home, ...options.env } });
}

/** Runs a shell script in which `$RNX` is the built program: pipes, redirections, bytes that are no UTF-8. */
export async function runShell(home: string, script: string, options: RnxOptions = {}): Promise<RnxResult> {
  return runProgram(["bash", "-c", script], { ...options, env: { RNX_HOME: home, RNX, ...options.env } });
}

async function runProgram(command: string[], options: RnxOptions): Promise<RnxResult> {
  const env = Object.entries({ PATH: process.env["PATH"], ...options.env });
  const child = Bun.spawn(command, {
    env: Object.fromEntries(env.filter(([, value]) => value !== undefined)),
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeoutMs ?? patient(30_000),
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return { code: child.exitCode ?? 128 + signalNumber(child.signalCode), stdout, stderr };
}

function signalNumber(signal: NodeJS.Signals | number | null): number {
  return typeof signal === "string" ? constants.signals[signal] : (signal ?? 0);
}
