/**
 * The streams of an attached job: its standard output and error go to the caller and to the log at once, the
 * caller's standard input goes to the job.
 *
 * The caller's descriptors are never handed to the job: through /proc/self/fd it could open them anew, set flags
 * on them or reach past a directory. And nothing here may block the thread, or the timeout would not fire while
 * `rnx job run yes` writes into a pager; O_NONBLOCK on the caller's own pipe would break the next program that
 * uses it. A pipe or terminal is therefore opened anew through /proc/self/fd, with flags of its own.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { FCNTL, POLL } from "../linux/constants.ts";
import { poll } from "../linux/files.ts";
import { errorCode } from "../errors.ts";

/** How long a write waits on the thread before the event loop gets its turn. */
const WRITE_WAIT_MS = 2;
/** How long the event loop runs before a writer whose reader does not read is asked again. */
const WRITE_PAUSE_MS = 10;
const CHUNK_BYTES = 64 * 1024;

/** A descriptor that bytes are written to without ever blocking the thread for long. */
export class Sink {
  readonly #fd: number;
  readonly #isOwned: boolean;
  /** Whether it can block: a regular file cannot. */
  readonly #canBlock: boolean;
  /** The reader went away (EPIPE): what is written is dropped. */
  isBroken = false;
  /** Why a write failed for another reason: a full disk. */
  failure: string | undefined;
  #isGivenUp = false;

  constructor(fd: number, options: { readonly isOwned: boolean; readonly canBlock: boolean }) {
    this.#fd = fd;
    this.#isOwned = options.isOwned;
    this.#canBlock = options.canBlock;
  }

  /** A sink for one of the caller's descriptors. */
  static ofCaller(fd: number): Sink {
    const stat = fstatSync(fd);
    if (stat.isFile()) return new Sink(fd, { isOwned: false, canBlock: false });
    const own = reopen(fd, FCNTL.O_WRONLY);
    return own === undefined
      ? new Sink(fd, { isOwned: false, canBlock: true })
      : new Sink(own, { isOwned: true, canBlock: true });
  }

  /** Writes the whole chunk; returns early when the reader is gone, the write fails, or it was given up. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let offset = 0; offset < chunk.length && !this.isBroken && this.failure === undefined;) {
      if (this.#canBlock && (poll(this.#fd, POLL.POLLOUT, WRITE_WAIT_MS) & WRITABLE) === 0) {
        if (this.#isGivenUp) return;
        await Bun.sleep(WRITE_PAUSE_MS);
      } else {
        offset += this.#tryWrite(chunk, offset);
      }
    }
  }

  #tryWrite(chunk: Uint8Array, offset: number): number {
    // On a socket that could not be opened anew, no more than what a ready one takes at once.
    const length =
      this.#isOwned || !this.#canBlock ? chunk.length - offset : Math.min(chunk.length - offset, 4096);
    try {
      return writeSync(this.#fd, chunk, offset, length);
    } catch (error) {
      const code = errorCode(error);
      if (code === "EPIPE" || code === "ECONNRESET") this.isBroken = true;
      else if (code !== "EAGAIN" && code !== "EINTR") this.failure = code ?? String(error);
      return 0;
    }
  }

  /** Ends the waiting of a write for a reader that does not read. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  /** Closes the descriptor, unless it is the caller's. */
  close(): void {
    if (this.#isOwned) closeSync(this.#fd);
  }
}

const WRITABLE = POLL.POLLOUT | POLL.POLLERR | POLL.POLLHUP;

/** An open file description of one's own for a pipe or a terminal; undefined for what cannot be opened: a socket. */
function reopen(fd: number, access: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, access | FCNTL.O_NONBLOCK | FCNTL.O_NOCTTY);
  } catch {
    return undefined;
  }
}

/**
 * Copies a pipe to its end: each chunk to `record`, then to the sink. When the sink's reader is gone the pipe is
 * closed, so that the job gets SIGPIPE as it would without rnx in between.
 */
export async function copyOutput(fd: number, sink: Sink, record: (chunk: Uint8Array) => void): Promise<void> {
  const reader = Bun.file(fd).stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      record(value);
      await sink.write(value);
      if (sink.isBroken) return void (await reader.cancel());
    }
  } finally {
    closeSync(fd);
  }
}

const READABLE = POLL.POLLIN | POLL.POLLERR | POLL.POLLHUP;
/** How long the copy waits before it asks again whether there is input: longer each time there is none. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/**
 * The caller's standard input on its way to a job. The descriptor itself is asked whether there is something to read:
 * a FIFO that is opened anew after its last writer has gone never says that it has ended. It is read through a
 * description of its own where there can be one, since another reader may be faster.
 */
export class InputCopy {
  readonly #source: number;
  readonly #canBlock: boolean;
  #isStopped = false;
  #pause: { readonly timer: ReturnType<typeof setTimeout>; readonly end: () => void } | undefined;

  constructor() {
    this.#canBlock = !fstatSync(0).isFile();
    this.#source = (this.#canBlock ? reopen(0, FCNTL.O_RDONLY) : undefined) ?? 0;
  }

  /** Copies until the input ends, the job closes its end, or stop is called; closes the pipe then. */
  async copyTo(pipe: number): Promise<void> {
    const sink = new Sink(pipe, { isOwned: true, canBlock: true });
    let pauseMs = 0;
    while (!this.#isStopped && !sink.isBroken && sink.failure === undefined) {
      // At least once between two chunks: timers and signals get their turn.
      await this.#sleep(pauseMs);
      if (this.#canBlock && (poll(0, READABLE, 0) & READABLE) === 0) {
        pauseMs = Math.min(Math.max(pauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
        continue;
      }
      pauseMs = 0;
      const chunk = readChunk(this.#source);
      if (chunk === undefined) break;
      await sink.write(chunk);
    }
    sink.close();
    if (this.#source !== 0) closeSync(this.#source);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (ms === 0) setImmediate(resolve);
      else this.#pause = { timer: setTimeout(resolve, ms), end: resolve };
    });
  }

  /** Ends the copy: the job has ended. */
  stop(): void {
    this.#isStopped = true;
    if (this.#pause === undefined) return;
    clearTimeout(this.#pause.timer);
    this.#pause.end();
  }
}

/** What there is to read; undefined at the end, or where the input can be read no more; nothing if it was taken. */
function readChunk(fd: number): Uint8Array | undefined {
  const chunk = new Uint8Array(CHUNK_BYTES);
  try {
    const length = readSync(fd, chunk);
    return length === 0 ? undefined : chunk.subarray(0, length);
  } catch (error) {
    return errorCode(error) === "EAGAIN" ? chunk.subarray(0, 0) : undefined;
  }
}
