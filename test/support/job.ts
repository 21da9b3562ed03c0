import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RNX, type RnxOptions, type RnxResult, runRnx } from "./rnx.ts";
import { patient } from "./slowness.ts";

/** What the tests look at in a job.json. */
export interface JobJson {
  readonly uuid: string;
  readonly name: string | null;
  readonly status: string;
  readonly reason: string | null;
  readonly message: string | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly start_time: string | null;
  readonly end_time: string | null;
  readonly supervisor: { readonly pid: number } | null;
  readonly metrics: { readonly cpu_usec: number | null; readonly pids_peak: number | null } | null;
  readonly warnings: readonly string[];
}

/** Time for a job to start, where nothing can be waited for: half a second, at most three on a slow machine. */
export const START_MS = Math.min(patient(500), 3000);

export const FINAL_STATUSES = ["COMPLETED", "FAILED", "STOPPED", "CANCELED"];

/** All records of an RNX_HOME, as they are on disk, in no order. */
export function readJobs(home: string): JobJson[] {
  const directory = join(home, "jobs");
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => !name.startsWith(".")) : [];
  return names.map(
    (name) => JSON.parse(readFileSync(join(home, "jobs", name, "job.json"), "utf8")) as JobJson,
  );
}

/** The record of the one job with this name. */
export function readJob(home: string, name: string): JobJson {
  const [job, ...others] = readJobs(home).filter((one) => one.name === name);
  if (job === undefined || others.length > 0)
    throw new Error(`${others.length + Number(job !== undefined)} jobs are named ${name}`);
  return job;
}

/** How long a job ran, in milliseconds, by its record. */
export function durationOf({ start_time, end_time }: JobJson): number {
  if (start_time === null || end_time === null) throw new Error(`not over: ${start_time} to ${end_time}`);
  return Date.parse(end_time) - Date.parse(start_time);
}

let names = 0;

/** A job's name that no other job of this process has. */
export function newName(): string {
  return `job-${process.pid}-${(names += 1)}`;
}

/** Runs a job to its end, and reads its record. */
export async function runJob(
  home: string,
  words: readonly string[],
  options: RnxOptions = {},
): Promise<RnxResult & { readonly job: JobJson }> {
  const name = newName();
  const result = await runRnx(home, ["job", "run", `--name=${name}`, ...words], {
    timeoutMs: patient(30_000),
    ...options,
  });
  return { ...result, job: readJob(home, name) };
}

/** Asks again and again until there is an answer, which is returned. */
export async function waitFor<T>(
  what: string,
  find: () => T | undefined | false,
  limitMs = patient(10_000),
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const found = find();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms for ${what}`);
    await Bun.sleep(10);
  }
}

/** A job that runs beside the test: it is looked at, given input, and sent signals. Killed when it is disposed. */
export class RunningJob implements AsyncDisposable {
  readonly name = newName();
  readonly #home: string;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #reading: Promise<void>[];
  stdout = "";
  stderr = "";

  private constructor(home: string, words: readonly string[]) {
    this.#home = home;
    this.#child = Bun.spawn([RNX, "job", "run", `--name=${this.name}`, ...words], {
      env: { PATH: process.env["PATH"], RNX_HOME: home },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#reading = [
      readText(this.#child.stdout, (text) => (this.stdout += text)),
      readText(this.#child.stderr, (text) => (this.stderr += text)),
    ];
  }

  /** Starts a job whose command prints «ready», and waits until it has. */
  static async start(home: string, words: readonly string[], limitMs?: number): Promise<RunningJob> {
    const job = new RunningJob(home, words);
    await job.waitForOutput("ready", limitMs);
    return job;
  }

  /** Waits until the job has written the text to its standard output. */
  async waitForOutput(text: string, limitMs?: number): Promise<void> {
    await waitFor(
      `"${text}" from the job`,
      () => {
        if (this.stdout.includes(text)) return true;
        if (this.#child.exitCode !== null)
          throw new Error(`ended with ${this.#child.exitCode}: ${this.stderr}`);
        return false;
      },
      limitMs,
    );
  }

  get record(): JobJson {
    return readJob(this.#home, this.name);
  }

  /** The process that supervises the job. */
  get pid(): number {
    return this.#child.pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** A line for the job's standard input. */
  async send(line: string): Promise<void> {
    this.#child.stdin.write(`${line}\n`);
    await this.#child.stdin.flush();
  }

  /** Waits for the end: rnx's exit code, or 128 + N for signal N, and how many milliseconds it took from now. */
  async end(): Promise<{ readonly code: number; readonly tookMs: number }> {
    const start = performance.now();
    await this.#child.exited;
    const tookMs = performance.now() - start;
    await Promise.all(this.#reading);
    return { code: this.#child.exitCode ?? 128, tookMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

async function readText(stream: ReadableStream<Uint8Array>, onText: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) onText(decoder.decode(chunk, { stream: true }));
}
