import { closeSync, openSync, readSync } from "node:fs";
import { errorCode } from "../errors.ts";
import { type LogStream, MAX_FRAME_BYTES, MAX_HEADER_BYTES } from "./log.ts";

/** A piece of a job's output. */
export interface LogFrame {
  /** When it came: RFC 3339, UTC, milliseconds. */
  readonly time: string;
  readonly stream: LogStream;
  /** Valid until the next frame is asked for. */
  readonly bytes: Uint8Array;
}

/** Which output is wanted: of one stream, from a time on. What rnx says of the log is always given. */
export interface LogFilter {
  readonly stream?: "stdout" | "stderr" | undefined;
  readonly since?: Date | undefined;
}

/** The log's output from its beginning on, or its last `tailLines` lines; nothing when there is no log. */
export function* readLog(
  path: string,
  options: LogFilter & { readonly tailLines?: number | undefined } = {},
): Generator<LogFrame> {
  using reader = new LogReader(path, options);
  if (options.tailLines !== undefined) reader.skipToTail(options.tailLines);
  yield* reader.readFrames();
  yield* reader.readTornFrame();
}

const NEWLINE = 10;
/** Room for a whole frame and some to read ahead. */
const BUFFER_BYTES = 4 * MAX_FRAME_BYTES;
/** How far apart the places are at which skipToTail can begin to read again. */
const CHECKPOINT_BYTES = MAX_FRAME_BYTES;

/** Reads a log that may still grow, in little memory. */
export class LogReader implements Disposable {
  readonly #path: string;
  readonly #filter: { readonly stream: string | undefined; readonly since: string };
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #fd: number | undefined;
  /** Where in the file the buffer begins. */
  #offset = 0;
  /** What of the buffer has been read from the file, but not been given yet. */
  #start = 0;
  #end = 0;
  #newlinesToSkip = 0;
  #isDamaged = false;
  #lastTime = new Date(0).toISOString();

  constructor(path: string, filter: LogFilter = {}) {
    this.#path = path;
    this.#filter = { stream: filter.stream, since: filter.since?.toISOString() ?? "" };
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** The whole frames that have not been given yet. To follow a log, call it again when the file has grown. */
  *readFrames(): Generator<LogFrame> {
    // A torn frame is read again: the writer may have put another one in its place.
    this.#end = this.#start;
    do {
      for (let frame = this.#take(); frame !== undefined; frame = this.#take()) {
        const bytes = this.#isWanted(frame) ? this.#skipLines(frame.bytes) : NOTHING;
        if (bytes.length > 0) yield { time: frame.time, stream: frame.stream, bytes };
      }
    } while (!this.#isDamaged && this.#fill());
  }

  /** What there is of a last frame that its writer could not finish; for when the job is over. */
  *readTornFrame(): Generator<LogFrame> {
    const header = this.#isDamaged ? undefined : parseHeader(this.#buffer, this.#start, this.#end);
    if (typeof header !== "object") return;
    const frame = { ...header, bytes: this.#buffer.subarray(header.bytesStart, this.#end) };
    this.#start = this.#end;
    const bytes = this.#isWanted(frame) ? this.#skipLines(frame.bytes) : NOTHING;
    if (bytes.length > 0) yield { time: frame.time, stream: frame.stream, bytes };
  }

  /** Goes to where the last `lines` lines of the wanted output begin. A last line without its end counts as one. */
  skipToTail(lines: number): void {
    const places = [{ position: this.#position, newlines: 0 }];
    let newlines = 0;
    let isLineOpen = false;
    for (const read of [this.readFrames(), this.readTornFrame()]) {
      for (const { bytes } of read) {
        newlines += countNewlines(bytes);
        isLineOpen = bytes.at(-1) !== NEWLINE;
        if (this.#position - places.at(-1)!.position >= CHECKPOINT_BYTES) {
          places.push({ position: this.#position, newlines });
        }
      }
    }
    if (lines === 0) return;
    const skipped = Math.max(newlines + (isLineOpen ? 1 : 0) - lines, 0);
    const place = places.findLast((candidate) => candidate.newlines <= skipped)!;
    this.#offset = place.position;
    this.#start = this.#end = 0;
    this.#isDamaged = false;
    this.#newlinesToSkip = skipped - place.newlines;
  }

  /** Where in the file the next frame begins. */
  get #position(): number {
    return this.#offset + this.#start;
  }

  /** The next frame, if all of it is in the buffer. The first that is none ends the log, with a notice. */
  #take(): LogFrame | undefined {
    if (this.#isDamaged) return undefined;
    const header = parseHeader(this.#buffer, this.#start, this.#end);
    if (header === "incomplete") return undefined;
    if (header !== "damaged") {
      const bytesEnd = header.bytesStart + header.length;
      if (bytesEnd >= this.#end) return undefined;
      if (this.#buffer[bytesEnd] === NEWLINE) {
        this.#start = bytesEnd + 1;
        this.#lastTime = header.time;
        const bytes = this.#buffer.subarray(header.bytesStart, bytesEnd);
        return { time: header.time, stream: header.stream, bytes };
      }
    }
    this.#isDamaged = true;
    const bytes = Buffer.from(`the log is damaged from byte ${this.#position} on\n`);
    return { time: this.#lastTime, stream: "rnx", bytes };
  }

  #isWanted({ stream, time }: { readonly stream: LogStream; readonly time: string }): boolean {
    if (stream === "rnx") return true;
    return (this.#filter.stream ?? stream) === stream && time >= this.#filter.since;
  }

  #skipLines(bytes: Uint8Array): Uint8Array {
    let start = 0;
    while (this.#newlinesToSkip > 0) {
      const newline = bytes.indexOf(NEWLINE, start);
      if (newline < 0) return NOTHING;
      start = newline + 1;
      this.#newlinesToSkip--;
    }
    return start === 0 ? bytes : bytes.subarray(start);
  }

  /** Reads on. False at the end of what has been written. */
  #fill(): boolean {
    this.#fd ??= openIfThere(this.#path);
    if (this.#fd === undefined) return false;
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#offset += this.#start;
    this.#end -= this.#start;
    this.#start = 0;
    const count = readSync(
      this.#fd,
      this.#buffer,
      this.#end,
      BUFFER_BYTES - this.#end,
      this.#offset + this.#end,
    );
    this.#end += count;
    return count > 0;
  }
}

const NOTHING = new Uint8Array(0);
const HEADER = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (stdout|stderr|rnx) (\d{1,5})$/;

interface Header {
  readonly time: string;
  readonly stream: LogStream;
  readonly length: number;
  readonly bytesStart: number;
}

/** The zeros at the end of a log that grows are an incomplete header. */
function parseHeader(buffer: Buffer, start: number, end: number): Header | "incomplete" | "damaged" {
  if (buffer[start] === 0) return "incomplete";
  const limit = Math.min(end, start + MAX_HEADER_BYTES);
  const newline = buffer.subarray(start, limit).indexOf(NEWLINE);
  if (newline < 0) return limit === end ? "incomplete" : "damaged";
  const match = HEADER.exec(buffer.toString("latin1", start, start + newline));
  const length = Number(match?.[3]);
  if (match === null || length > MAX_FRAME_BYTES) return "damaged";
  return { time: match[1]!, stream: match[2] as LogStream, length, bytesStart: start + newline + 1 };
}

function countNewlines(bytes: Uint8Array): number {
  let count = 0;
  for (let i = bytes.indexOf(NEWLINE); i >= 0; i = bytes.indexOf(NEWLINE, i + 1)) count++;
  return count;
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The frames with the time before each line; streams whose lines are mixed keep their lines apart. */
export function* timestampLines(frames: Iterable<LogFrame>): Generator<LogFrame> {
  const openStreams = new Set<LogStream>();
  for (const { time, stream, bytes } of frames) {
    const prefix = Buffer.from(`${time} `);
    const parts: Uint8Array[] = openStreams.has(stream) ? [] : [prefix];
    let start = 0;
    for (let newline = bytes.indexOf(NEWLINE); newline >= 0; newline = bytes.indexOf(NEWLINE, start)) {
      if (start > 0) parts.push(prefix);
      parts.push(bytes.subarray(start, newline + 1));
      start = newline + 1;
    }
    if (start < bytes.length) {
      if (start > 0) parts.push(prefix);
      parts.push(bytes.subarray(start));
    }
    if (bytes.at(-1) === NEWLINE) openStreams.delete(stream);
    else openStreams.add(stream);
    yield { time, stream, bytes: Buffer.concat(parts) };
  }
}
