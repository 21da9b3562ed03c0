import { expect, test } from "bun:test";
import { formatTime, parsePastTime } from "../../src/time.ts";

const now = new Date("2026-11-24T12:00:00.000Z");

test.each([
  ["10min", "2026-11-24T11:50:00.000Z"],
  ["2026-11-24T10:00:00Z", "2026-11-24T10:00:00.000Z"],
  ["2026-11-24T10:00:00.5+02:00", "2026-11-24T08:00:00.500Z"],
  ["2026-11-24 10:00", "2026-11-24T10:00:00.000Z"],
  ["2026-11-24", "2026-11-24T00:00:00.000Z"],
])("%s is %s", (text, expected) => {
  expect(parsePastTime(text, now)?.toISOString()).toBe(expected);
});

test.each(["", "yesterday", "10", "-5min", "2026-13-01", "24.11.2026", "2026-11-24T25:00Z"])(
  "%j is none",
  (text) => {
    expect(parsePastTime(text, now)).toBeUndefined();
  },
);

test("a time is shown to the second, an absent one as a dash", () => {
  expect(formatTime("2026-01-02T03:04:05.678Z")).toBe("2026-01-02 03:04:05");
  expect(formatTime(null)).toBe("-");
});
