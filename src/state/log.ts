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
 * `rnx` are what rnx has to say about the log itself. A log that grows ends with zeros; one whose writer was killed can
 * end with a torn frame.
 */
export type LogStream = "stdout" | "stderr" | "rnx";

/** Longer output is divided, so that neither writer nor reader needs more memory. */
export const MAX_FRAME_BYTES = 65_536;
/** More than time, stream and length of a frame need. */
export const MAX_HEADER_BYTES = 64;

const NEWLINE = 10;

/** What stands behind the whole frames while a log grows: zeros, and room for a last notice on a full disk. */
const ROOM_BYTES = 128;

/**
 * Writes a log of at most `maxBytes` and one frame more: when it is full, that frame says so and the rest is only
 * counted. It never throws once it is open, so that a job comes to its end on a full disk too.
 */
export class LogWriter implements Disposable {
  readonly #fd: number;
  readonly #maxBytes: number;
  readonly #frame = Buffer.alloc(MAX_HEADER_BYTES + MAX_FRAME_BYTES + 1 + ROOM_BYTES);
  /** Where the next frame goes: all before it are whole. */
  #size = 0;
  #cutBytes = 0;
  #isCut = false;
  #failure: string | undefined;

  /** Makes the file, of mode 0600 whatever the umask. Throws as node:fs does. */
  constructor(path: string, options: { readonly maxBytes: number }) {
    this.#maxBytes = options.maxBytes;
    this.#fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      fchmodSync(this.#fd, 0o600);
      this.#write(0);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
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

  /** Closes the file. */
  close(): void {
    if (!this.#isCut) this.#attempt(() => ftruncateSync(this.#fd, this.#size));
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
    if (kept.length > 0 && !this.#attempt(() => this.#write(length))) {
      this.#cutBytes += bytes.length;
      this.#cut(`the log is cut here: ${this.#failure}`);
      return;
    }
    if (kept.length > 0) this.#size += length;
    if (kept.length === bytes.length) return;
    this.#cutBytes += bytes.length - kept.length;
    this.#cut(`the log is cut here: it has reached ${formatSize(this.#maxBytes)} (--log-max)`);
  }

  /** Ends the log with a notice, in the room behind the whole frames. */
  #cut(notice: string): void {
    this.#isCut = true;
    const length = this.#encode("rnx", Buffer.from(`${notice}\n`), new Date());
    this.#attempt(() => {
      // What got in of another frame goes first, so that a reader sees no part of it behind the notice.
      ftruncateSync(this.#fd, this.#size + ROOM_BYTES);
      this.#write(length, ROOM_BYTES);
      ftruncateSync(this.#fd, this.#size + length);
    });
  }

  /** Puts a frame into the buffer, zeros behind it, and returns its length. */
  #encode(stream: LogStream, bytes: Uint8Array, time: Date): number {
    const start = this.#frame.write(`${time.toISOString()} ${stream} ${bytes.length}\n`, "latin1");
    this.#frame.set(bytes, start);
    const length = start + bytes.length + 1;
    this.#frame[length - 1] = NEWLINE;
    this.#frame.fill(0, length, length + ROOM_BYTES);
    return length;
  }

  /** Writes the buffer's frame and the room behind it: one write(2) unless the disk is about to be full. */
  #write(length: number, end = length + ROOM_BYTES): void {
    for (let written = 0; written < end;) {
      written += writeSync(this.#fd, this.#frame, written, end - written, this.#size + written);
    }
  }

  /** False when it fails; the first failure is remembered. */
  #attempt(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      this.#failure ??= errorCode(error) ?? "write failed";
      return false;
    }
  }
}
