import { expect, test } from "bun:test";
import { resolveJobReference } from "../../../src/state/reference.ts";
import { createJob } from "../../../src/state/store.ts";
import { makeRecord, useTemporaryHome } from "../../support/state.ts";

useTemporaryHome();

const FIRST = "01234567-1111-4111-8111-111111111111";
const SECOND = "01234567-2222-4222-8222-222222222222";
const THIRD = "89abcdef-3333-4333-8333-333333333333";

function makeJobs(): void {
  for (const [uuid, name, createdTime] of [
    [FIRST, "train", "2026-01-01T00:00:00.000Z"],
    [SECOND, "train", "2026-01-03T00:00:00.000Z"],
    [THIRD, "train", "2026-01-02T00:00:00.000Z"],
  ] as const) {
    createJob(makeRecord({ uuid, name, createdTime }), { durable: false }).close();
  }
}

test("a job is found by its id, the beginning of it, and its name: the newest of that name", () => {
  makeJobs();
  expect(resolveJobReference(FIRST)).toBe(FIRST);
  expect(resolveJobReference("89abcdef")).toBe(THIRD);
  expect(resolveJobReference("01234567-1")).toBe(FIRST);
  expect(resolveJobReference("train")).toBe(SECOND);
});

test("the beginning of two ids is ambiguous, and both are named", () => {
  makeJobs();
  for (const text of ["01234567", "01234567-"]) {
    expect(() => resolveJobReference(text)).toThrow(`"${text}" is ambiguous: ${FIRST}, ${SECOND}`);
  }
});

test("anything else is not found, and no path", () => {
  makeJobs();
  const texts = [
    "../../../etc/passwd",
    "",
    "*",
    "-1",
    ".",
    "..",
    "zzzz",
    "0123456",
    "01234567*",
    "Train",
    "ffffffff",
  ];
  for (const text of [...texts, `${FIRST}/`, `${FIRST}x`, `../jobs/${FIRST}`, "train\0"]) {
    expect(() => resolveJobReference(text)).toThrow(`job not found: "${text}"`);
  }
});
