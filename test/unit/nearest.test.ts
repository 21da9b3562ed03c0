import { expect, test } from "bun:test";
import { findNearest } from "../../src/nearest.ts";

const FLAGS = ["--max-memory", "--max-cpu", "--name", "--rm", "--env"];

test.each([
  ["--max-memmory", "--max-memory"],
  ["--max-memroy", "--max-memory"],
  ["--maxcpu", "--max-cpu"],
  ["--nmae", "--name"],
  ["--rm", "--rm"],
  ["--ev", "--env"],
])("%s was meant to be %s", (word, expected) => {
  expect(findNearest(word, FLAGS)).toBe(expected);
});

test.each(["--volume", "--x", ""])("nothing is near %j", (word) => {
  expect(findNearest(word, FLAGS)).toBeUndefined();
});

test("nothing is near anything among no candidates", () => {
  expect(findNearest("x", [])).toBeUndefined();
});
