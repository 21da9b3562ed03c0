import { expect, test } from "bun:test";
import { isJobId, isJobName, isShortId, newJobId, shortId } from "../../../src/state/ids.ts";

test("a new id is a whole id, and its first 8 characters are a short one", () => {
  const id = newJobId();
  expect(isJobId(id)).toBe(true);
  expect(shortId(id)).toHaveLength(8);
  expect(isShortId(shortId(id))).toBe(true);
  expect(isShortId(id)).toBe(true);
});

test("nothing but a whole lower-case UUID is an id", () => {
  const id = "0123abcd-4567-489a-8bcd-ef0123456789";
  expect(isJobId(id)).toBe(true);
  for (const text of [
    "",
    ".",
    "..",
    "../../../etc/passwd",
    id.toUpperCase(),
    `${id}\n`,
    `${id}/`,
    ` ${id}`,
    id.slice(1),
  ]) {
    expect(isJobId(text)).toBe(false);
  }
});

test("a short id is the beginning of an id, 8 characters or more", () => {
  for (const text of ["0123abcd", "0123abcd-", "0123abcd-45"]) expect(isShortId(text)).toBe(true);
  for (const text of [
    "0123abc",
    "0123abcdef",
    "-1",
    "*",
    "zzzzzzzz",
    "0123abcd/..",
    "",
    "0123abcd-4567-489a-8bcd-ef01234567890",
  ]) {
    expect(isShortId(text)).toBe(false);
  }
});

test("names are lower case and cannot be taken for an id", () => {
  for (const text of ["a", "0", "train-1", "my.job_2", "abcdef1", "deadbeef-x", "z".repeat(63)])
    expect(isJobName(text)).toBe(true);
  for (const text of [
    "",
    "A",
    "-a",
    ".a",
    "_a",
    "a b",
    "a/b",
    "é",
    "a\n",
    "z".repeat(64),
    "deadbeef",
    "0123456789",
  ]) {
    expect(isJobName(text)).toBe(false);
  }
});
