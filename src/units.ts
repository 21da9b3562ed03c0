/**
 * Text to numbers and back. The parsers are total: a value, or undefined for whatever is not exactly one; nothing
 * is rounded, wrapped or left to the kernel, which accepts traps (`memory.max` takes 16E and stores 0).
 */

const UNIT_BYTES = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const;
type UnitLetter = keyof typeof UNIT_BYTES;

/** At most 16 digits before the point (MAX_SAFE_INTEGER has 16) and 12 after it, so no text is costly to read. */
const SIZE = /^(0|[1-9]\d{0,15})(?:\.(\d{1,12}))?(?:([KMGT])(?:I?B)?)?$/i;

/** The accepted sizes, for messages: by what a bare number counts. */
export const SIZE_FORM = {
  MB: "a number of MB or a size such as 512M, 1.5G or 65536K",
  B: "a number of bytes or a size such as 512K, 10M or 1.5G",
} as const;

/**
 * Bytes of a size; a bare number counts `bareUnit`. Suffixes K M G T, KB.., KiB.. in either case, powers of 1024.
 * A decimal is accepted when it makes a whole number of bytes: `1.5G`, `64.5` (MB), but not `0.3K`. Zero is refused.
 */
export function parseSize(text: string, bareUnit: "MB" | "B"): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  const [, whole = "", fraction = "", suffix] = match;
  const letter = (suffix?.toUpperCase() ?? (bareUnit === "MB" ? "M" : undefined)) as UnitLetter | undefined;
  const scaled = BigInt(whole + fraction) * BigInt(letter === undefined ? 1 : UNIT_BYTES[letter]);
  const divisor = 10n ** BigInt(fraction.length);
  const bytes = scaled / divisor;
  if (scaled % divisor !== 0n || bytes === 0n || bytes > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return Number(bytes);
}

/** Bytes for people, one decimal at most: 475MB, 1.5GB, 64.5MB. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.95 would be printed as 1024.
  while (value >= 1023.95 && unit < SIZE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Math.round(value * 10) / 10}${SIZE_UNITS[unit]}`;
}

const SIZE_UNITS = ["B", "KB", "MB", "GB", "TB"] as const;

/** Each unit at most once, the largest first, all in one word. */
const DURATION = new RegExp(
  "^" +
    [
      "(?:(\\d{1,12}(?:\\.\\d{1,6})?)d(?:ays?)?)?",
      "(?:(\\d{1,12}(?:\\.\\d{1,6})?)h(?:rs?|ours?)?)?",
      "(?:(\\d{1,12}(?:\\.\\d{1,6})?)m(?:ins?|inutes?)?)?",
      "(?:(\\d{1,12}(?:\\.\\d{1,6})?)s(?:ecs?|econds?)?)?",
      "(?:(\\d{1,15})ms)?",
    ].join("") +
    "$",
);
const DURATION_UNITS_MS = [86_400_000, 3_600_000, 60_000, 1000, 1] as const;
const MAX_DURATION_MS = 36_500 * 86_400_000;

/** The accepted durations, for messages. */
export const DURATION_FORM = "a duration such as 500ms, 90s, 30min, 1hour, 2h30m or 1d";

/**
 * Milliseconds of a duration of at most 100 years; units ms s sec m min h hour d day, in this order from the right.
 * A decimal is accepted when it makes whole milliseconds; a bare number is not. `0s` is 0: the caller may refuse it.
 */
export function parseDuration(text: string): number | undefined {
  const match = text === "" ? null : DURATION.exec(text);
  if (match === null) return undefined;
  // Counted in microseconds, each digit after the point being exact, so that 0.1s + 0.2s stays whole.
  let microseconds = 0n;
  for (const [i, unit] of DURATION_UNITS_MS.entries()) {
    const [whole = "0", fraction = ""] = (match[i + 1] ?? "0").split(".");
    microseconds += BigInt(whole + fraction.padEnd(6, "0")) * BigInt(unit);
  }
  const ms = microseconds / 1_000_000n;
  return microseconds % 1_000_000n !== 0n || ms > BigInt(MAX_DURATION_MS) ? undefined : Number(ms);
}

/** Milliseconds for people: 340ms, 4.2s, 1m30s, 2h5s, 3d4h. Below a minute to a tenth of a second, then to seconds. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 59_950) return `${Math.round(ms / 100) / 10}s`;
  const seconds = Math.round(ms / 1000);
  const parts: readonly [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  return parts.flatMap(([count, unit]) => (count === 0 ? [] : [`${count}${unit}`])).join("");
}

/** A whole decimal number from `minimum` to `maximum`, without sign, blanks or leading zeros. */
export function parseInteger(text: string, minimum: number, maximum: number): number | undefined {
  if (!/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= minimum && value <= maximum ? value : undefined;
}

/** The accepted CPU shares, for messages. */
export const PERCENT_FORM = "a whole number from 1 to 10000; 100 is one core";

/** A share of CPU: 1-10000, 100 being one core. */
export function parsePercent(text: string): number | undefined {
  return parseInteger(text, 1, 10_000);
}

/** The accepted numbers of processes, for messages: what pids.max takes, without 0 (nothing could start). */
export const PIDS_FORM = "a whole number from 1 to 4194304";

/** A number of processes and threads: 1-4194304. */
export function parsePids(text: string): number | undefined {
  return parseInteger(text, 1, 4_194_304);
}

/** The accepted lists of cores, for messages. */
export const CPU_LIST_FORM = "cores such as 0-3 or 0,2";

/**
 * The cores of a list as the kernel writes it (`0-3,6`), sorted, each once; undefined when it is not one.
 * Core numbers have at most four digits: Linux has 8192 at most.
 */
export function parseCpuRanges(text: string): number[] | undefined {
  const cores = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) return undefined;
    for (let core = first; core <= last; core++) cores.add(core);
  }
  return [...cores].sort((a, b) => a - b);
}

/** The cores of a list, all of which must be among `onlineCores`; else what is wrong, naming the cores there are. */
export function parseCpuList(text: string, onlineCores: readonly number[]): number[] | string {
  const available = `this host has ${formatCpuList(onlineCores)}`;
  const cores = parseCpuRanges(text);
  if (cores === undefined) return `expected ${CPU_LIST_FORM}; ${available}`;
  const missing = cores.filter((core) => !onlineCores.includes(core));
  if (missing.length > 0) return `no core ${formatCpuList(missing)}; ${available}`;
  return cores;
}

/** Sorted core numbers as the kernel writes them: `0-3,6`. */
export function formatCpuList(cores: readonly number[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const core of cores) {
    const range = ranges.at(-1);
    if (range !== undefined && core === range.last + 1) range.last = core;
    else ranges.push({ first: core, last: core });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/** Whether the text may name a variable. Kernel and shells take more, but a blank or control character is a mistake. */
export function isVariableName(text: string): boolean {
  return /^[^\s=\p{Cc}]+$/u.test(text);
}
