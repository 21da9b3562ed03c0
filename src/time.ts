import { parseDuration } from "./units.ts";

/** The accepted times in the past, for messages. */
export const PAST_TIME_FORM = "a time such as 2026-11-24T12:00:00Z, or how long ago: 90s, 10min, 1h";

/** RFC 3339; without an offset it is local time. */
const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

/** The moment of a time, or of a duration before `now`; undefined when the text is neither. */
export function parsePastTime(text: string, now: Date): Date | undefined {
  const ago = parseDuration(text);
  if (ago !== undefined) return new Date(now.getTime() - ago);
  if (!TIME.test(text)) return undefined;
  // A date alone would be read as UTC.
  const ms = Date.parse(text.length === "2026-11-24".length ? `${text}T00:00` : text.replace(" ", "T"));
  return Number.isNaN(ms) ? undefined : new Date(ms);
}

/** A record's time for people: local, to the second; "-" when there is none. */
export function formatTime(time: string | null): string {
  if (time === null) return "-";
  const date = new Date(time);
  const two = (value: number) => `${value}`.padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}
