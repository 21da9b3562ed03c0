import { expect, test } from "bun:test";
import { formatTable, isTerminal, printable } from "../../src/terminal.ts";

test("control characters and bytes that are not UTF-8 become visible", () => {
  expect(printable("a\nb\tc\r\x1b[31m\x7f\u0085\u2028\udcff\ud800é漢🙂")).toBe(
    "a\\nb\\tc\\r\\x1b[31m\\x7f\\x85\\u2028\\xff\\ud800é漢🙂",
  );
});

test("columns are as wide as their widest cell, wide characters counted", () => {
  const rows = [
    ["A", "NAME", "C"],
    ["1", "漢字", "x y"],
    ["22", "-", ""],
  ];
  expect(formatTable(rows)).toBe("A   NAME  C\n1   漢字  x y\n22  -\n");
  expect(formatTable([])).toBe("");
});

test("a file is no terminal", () => {
  expect(isTerminal(999)).toBe(false);
});
