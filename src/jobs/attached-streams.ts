import { closeSync, fstatSync, openSync } from "node:fs";
import { pipe } from "../linux/files.ts";
import type { JobStreams } from "../sandbox/launch.ts";
import type { LogWriter } from "../state/log.ts";
import { isTerminal } from "../terminal.ts";
import { copyOutput, InputCopy, Sink } from "./streams.ts";

/** How long a reader that does not read may keep a job from ending that was told to end. */
const GIVE_UP_AFTER_MS = 1000;

/** The three streams of an attached job: pipes for the job, the caller's descriptors and the log on this side. */
export class AttachedStreams implements AsyncDisposable {
  /** What the job gets as 0, 1 and 2; closed by `start`. */
  readonly job: JobStreams;
  readonly #stdinPipe: number | undefined;
  readonly #outputs: readonly {
    readonly stream: "stdout" | "stderr";
    readonly fd: number;
    readonly sink: Sink;
  }[];
  readonly #log: LogWriter;
  #input: InputCopy | undefined;
  #copies: Promise<unknown> | undefined;
  #failure: Promise<string | undefined> | undefined;

  constructor(log: LogWriter, options: { readonly interactive: boolean }) {
    const stdin = hasInput(options.interactive) ? pipe() : undefined;
    const stdout = pipe();
    const stderr = pipe();
    this.#log = log;
    this.#stdinPipe = stdin?.writeEnd;
    this.#outputs = [
      { stream: "stdout", fd: stdout.readEnd, sink: Sink.ofCaller(1) },
      { stream: "stderr", fd: stderr.readEnd, sink: Sink.ofCaller(2) },
    ];
    this.job = {
      stdin: stdin?.readEnd ?? openSync("/dev/null", "r"),
      stdout: stdout.writeEnd,
      stderr: stderr.writeEnd,
    };
  }

  /** The job has its ends, or will never run: closes them here, so that the copies end when the job's do. */
  closeJobEnds(): void {
    for (const fd of [this.job.stdin, this.job.stdout, this.job.stderr]) closeSync(fd);
  }

  /** Begins to copy. */
  start(): void {
    if (this.#stdinPipe !== undefined) {
      this.#input = new InputCopy();
      void this.#input.copyTo(this.#stdinPipe);
    }
    this.#copies = Promise.all(
      this.#outputs.map(({ stream, fd, sink }) =>
        copyOutput(fd, sink, (chunk) => this.#log.append(stream, chunk, new Date())),
      ),
    );
  }

  /**
   * Waits until all output has been copied; every process of the job has ended. With `isImpatient` a caller's reader
   * that does not read is given up. Returns why the output did not reach the caller, if it did not.
   */
  finish(options: { readonly isImpatient: boolean }): Promise<string | undefined> {
    return (this.#failure ??= this.#finish(options.isImpatient));
  }

  async #finish(isImpatient: boolean): Promise<string | undefined> {
    this.#input?.stop();
    const giveUp = () => this.#outputs.forEach(({ sink }) => sink.giveUp());
    const timer = isImpatient ? setTimeout(giveUp, GIVE_UP_AFTER_MS) : undefined;
    await this.#copies;
    clearTimeout(timer);
    this.#outputs.forEach(({ sink }) => sink.close());
    return this.#outputs.map(({ sink }) => sink.failure).find((failure) => failure !== undefined);
  }

  /** Ends the copies, those that were never begun too. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#copies === undefined) {
      this.#outputs.forEach(({ fd }) => closeSync(fd));
      if (this.#stdinPipe !== undefined) closeSync(this.#stdinPipe);
    }
    await this.finish({ isImpatient: true });
  }
}

const DEV_NULL = { major: 1, minor: 3 } as const;

/** Whether the caller gives the job an input: -i, or anything but a terminal or /dev/null. */
function hasInput(interactive: boolean): boolean {
  const stat = fstatSync(0);
  if (stat.isCharacterDevice() && stat.rdev === ((DEV_NULL.major << 8) | DEV_NULL.minor)) return false;
  return interactive || !isTerminal(0);
}
