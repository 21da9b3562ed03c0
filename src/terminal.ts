import { writeSync } from "node:fs";
import { errorCode, RnxError } from "./errors.ts";
import { POLL } from "./linux/constants.ts";
import { poll } from "./linux/files.ts";
import { Arena, encodeBytes } from "./linux/memory.ts";
import { trySyscall } from "./linux/syscall.ts";

/**
 * The only writer to standard output and standard error.
 *
 * process.stdout is not used anywhere: merely reading it makes Bun set O_NONBLOCK on a pipe that the caller
 * shares, and what it has queued is lost when the process ends or when something else writes beside it.
 */
export type OutputFd = 1 | 2;

/** Whoever read our output has gone (EPIPE): no error, nothing is to be said, there is only nothing left to do. */
export class ReaderGone extends Error {
  override readonly name = "ReaderGone";
}

/**
 * Writes all bytes, waiting where the descriptor is non-blocking and full.
 * Throws ReaderGone, or RnxError when the output cannot take them (a full disk).
 */
export function write(fd: OutputFd, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += writeSync(fd, bytes, offset);
    } catch (error) {
      const code = errorCode(error);
      if (code === "EPIPE") throw new ReaderGone();
      if (code !== "EAGAIN") {
        throw new RnxError(`cannot write to standard ${fd === 1 ? "output" : "error"}`, { cause: error });
      }
      poll(fd, POLL.POLLOUT, MAX_WAIT_MS);
    }
  }
}

/** A wait that ends without an event only starts again. */
const MAX_WAIT_MS = 60_000;

/** Writes text to standard output: results. */
export function print(text: string): void {
  write(1, encodeBytes(text));
}

/** Writes a value to standard output as JSON, for programs. */
export function printJson(value: unknown): void {
  print(`${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Writes one line to standard error: warnings, progress, verdicts; made printable, since it may quote what anybody
 * typed. Never fails: there is nobody left to tell.
 */
export function printNotice(line: string): void {
  writeNotice(printable(line));
}

/** Writes an error as one line to standard error. */
export function printError(line: string): void {
  writeNotice(`${paint(2, "red", "Error:")} ${printable(line)}`);
}

/** Writes what may help as one line to standard error, for people: only to a terminal. */
export function printHint(hint: string): void {
  if (isTerminal(2)) writeNotice(`${paint(2, "cyan", "hint:")} ${printable(hint)}`);
}

/** A pipe that is ready takes this much without blocking, pipe(7). */
const PIPE_BUF = 4096;
/** How long a notice waits for a reader that does not read: a job's timeout must not become an endless wait. */
const NOTICE_PATIENCE_MS = 1000;

function writeNotice(line: string): void {
  const bytes = encodeBytes(`${line}\n`);
  try {
    for (let offset = 0; offset < bytes.length; offset += PIPE_BUF) {
      if (poll(2, POLL.POLLOUT, NOTICE_PATIENCE_MS) === 0) return;
      write(2, bytes.subarray(offset, offset + PIPE_BUF));
    }
  } catch {
    // Standard error is closed or full.
  }
}

/** Whether the descriptor is a terminal, as isatty(3) finds out. */
export function isTerminal(fd: number): boolean {
  return trySyscall("ioctl", fd, TCGETS, new Arena().allocate(TERMIOS_BYTES).address) === 0;
}

/** asm-generic/ioctls.h; the kernel's struct termios has 36 bytes. */
const TCGETS = 0x5401;
const TERMIOS_BYTES = 64;

const STYLES = { bold: "1", dim: "2", red: "31", green: "32", yellow: "33", cyan: "36" } as const;
export type Style = keyof typeof STYLES;

let isColourForbidden = false;

/** --no-color: plain text from here on. */
export function forbidColour(): void {
  isColourForbidden = true;
}

/** The text in a style when the descriptor is a terminal that wants colour (NO_COLOR, --no-color), else as it is. */
export function paint(fd: OutputFd, style: Style, text: string): string {
  return hasColour(fd) ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
}

function hasColour(fd: OutputFd): boolean {
  const { NO_COLOR, TERM } = process.env;
  return !isColourForbidden && (NO_COLOR ?? "") === "" && TERM !== "dumb" && isTerminal(fd);
}

/** Rows as columns, two spaces apart, the last one as long as it is; cells are made printable. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = (cells[0] ?? []).map((_, column) =>
    cells.reduce((width, row) => Math.max(width, Bun.stringWidth(row[column] ?? "")), 0),
  );
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat(Math.max((widths[column] ?? 0) - Bun.stringWidth(cell), 0)))
      .join("  ")
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join("");
}

/** Text on one line that cannot steer a terminal: control characters and bytes that were not UTF-8 are escaped. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, (character) => {
    const code = character.charCodeAt(0);
    return ESCAPES[character] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : escapeHigh(code));
  });
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", "\r": "\\r" };

/** U+DC80 ... U+DCFF stand for the bytes 0x80 ... 0xFF, see decodeBytes. */
function escapeHigh(code: number): string {
  return code >= 0xdc80 && code <= 0xdcff ? `\\x${hex(code & 0xff, 2)}` : `\\u${hex(code, 4)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
