import { closeSync, constants, fchmodSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { errorCode } from "../errors.ts";
import { formatSize } from "../units.ts";

/**
 * A job's log: its output as it came, byte for byte, in frames.
 *
 *     2026-11-24T12:00:00.000Z stdout 6
 *     hello
 *     <newline>
 *
 * A frame is a line with time, stream and length, that many bytes of any kind, and a newline. Frames of the stream
 * `rnx` are what rnx has to say about the log itself. A crash can leave the last frame torn, and nothing else.
 */
export type LogStream = "stdout" | "stderr" | "rnx";

/** Longer output is divided, so that neither writer nor reader needs more memory. */
export const MAX_FRAME_BYTES = 65_536;
/** More than time, stream and length of a frame need. */
export const MAX_HEADER_BYTES = 64;

const NEWLINE = 10;

/**
 * Writes a log of at most `maxBytes` and one frame more: when it is full, that frame says so and the rest is only
 * counted. It never throws once it is open, so that a job comes to its end on a full disk too.
 */
export class LogWriter implements Disposable {
  readonly #fd: number;
  readonly #maxBytes: number;
  readonly #frame = Buffer.allocUnsafe(MAX_HEADER_BYTES + MAX_FRAME_BYTES + 1);
  /** Where the next frame goes: all before it are whole. */
  #size = 0;
  #cutBytes = 0;
  #isCut = false;
  #failure: string | undefined;
  /** What the last frame is to say, when there was no room for it. */
  #unwrittenNotice: string | undefined;

  /** Makes the file, of mode 0600 whatever the umask. Throws as node:fs does. */
  constructor(path: string, options: { readonly maxBytes: number }) {
    this.#fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    fchmodSync(this.#fd, 0o600);
    this.#maxBytes = options.maxBytes;
  }

  /** Bytes of output that are not in the log. */
  get cutBytes(): number {
    return this.#cutBytes;
  }

  /** The error that ended the log before the job: ENOSPC, EFBIG ... */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Adds output that came at `time`. */
  append(stream: "stdout" | "stderr", bytes: Uint8Array, time: Date): void {
    for (let start = 0; start < bytes.length; start += MAX_FRAME_BYTES) {
      this.#appendFrame(stream, bytes.subarray(start, start + MAX_FRAME_BYTES), time);
    }
  }

  /** Writes what is still to be said, and closes the file. */
  close(): void {
    if (this.#unwrittenNotice !== undefined) this.#cut(this.#unwrittenNotice, 0);
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #appendFrame(stream: LogStream, bytes: Uint8Array, time: Date): void {
    if (this.#isCut) {
      this.#cutBytes += bytes.length;
      return;
    }
    let length = this.#encode(stream, bytes, time);
    const room = this.#maxBytes - this.#size - (length - bytes.length);
    const kept = bytes.subarray(0, Math.max(room, 0));
    if (kept.length < bytes.length) length = this.#encode(stream, kept, time);
    if (kept.length > 0) {
      const { written, failure } = this.#write(length);
      if (failure !== undefined) {
        this.#failure = failure;
        this.#cutBytes += bytes.length;
        this.#cut(`the log is cut here: ${failure}`, written);
        return;
      }
      this.#size += written;
    }
    if (kept.length === bytes.length) return;
    this.#cutBytes += bytes.length - kept.length;
    this.#cut(`the log is cut here: it has reached ${formatSize(this.#maxBytes)} (--log-max)`, 0);
  }

  /**
   * Ends the log with a notice. `torn` bytes of a frame that did not get in follow the whole ones; on a full disk they
   * are the room that the notice has.
   */
  #cut(notice: string, torn: number): void {
    this.#isCut = true;
    const length = this.#encode("rnx", Buffer.from(`${notice}\n`), new Date());
    try {
      ftruncateSync(this.#fd, this.#size + Math.min(torn, length));
      const { failure } = this.#write(length);
      if (failure !== undefined) ftruncateSync(this.#fd, this.#size);
      this.#unwrittenNotice = failure === undefined ? undefined : notice;
    } catch {
      // The disk fails: the record's count of cut bytes has to do.
    }
  }

  /** Puts a frame into the buffer and returns its length. */
  #encode(stream: LogStream, bytes: Uint8Array, time: Date): number {
    const start = this.#frame.write(`${time.toISOString()} ${stream} ${bytes.length}\n`, "latin1");
    this.#frame.set(bytes, start);
    this.#frame[start + bytes.length] = NEWLINE;
    return start + bytes.length + 1;
  }

  /** Writes the buffer's first bytes behind the whole frames, in one write(2) unless the disk is about to be full. */
  #write(length: number): { readonly written: number; readonly failure: string | undefined } {
    let written = 0;
    try {
      while (written < length) {
        written += writeSync(this.#fd, this.#frame, written, length - written, this.#size + written);
      }
      return { written, failure: undefined };
    } catch (error) {
      return { written, failure: errorCode(error) ?? "write failed" };
    }
  }
}
