import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { describe as describeError } from "../../src/describe.ts";
import { RnxError, StartError, UsageError } from "../../src/errors.ts";
import { SystemCallError } from "../../src/linux/syscall.ts";

afterEach(() => {
  delete process.env["RNX_DEBUG"];
});

test("each class has its exit code, each issue its line", () => {
  expect(describeError(new RnxError("failed", { hint: "try" }))).toMatchObject({
    lines: ["failed"],
    hint: "try",
    exitCode: 1,
  });
  expect(describeError(new UsageError(["a", "b"]))).toMatchObject({ lines: ["a", "b"], exitCode: 2 });
  expect(describeError(new StartError("no", { exitCode: 126 }))).toMatchObject({
    lines: ["no"],
    exitCode: 126,
  });
});

describe("what the system said", () => {
  const cause = new SystemCallError("mount", 1, "/proc");

  test("stands once behind our own sentence", () => {
    const wrapped = new RnxError("cannot make the sandbox", { cause: new RnxError("inner", { cause }) });
    expect(describeError(wrapped).lines).toEqual(["cannot make the sandbox: mount /proc: EPERM (1)"]);
    expect(describeError(new RnxError("mount: EPERM", { cause })).lines).toEqual(["mount: EPERM"]);
  });

  test("is enough when it comes alone", () => {
    try {
      readFileSync("/nosuch");
    } catch (error) {
      expect(describeError(error)).toMatchObject({
        lines: [expect.stringContaining("/nosuch")],
        exitCode: 1,
      });
    }
  });
});

test("anything else is an internal error of one line; the stack comes with RNX_DEBUG=1", () => {
  const error = new TypeError("x is undefined\nsecond line");
  expect(describeError(error)).toMatchObject({ lines: ["internal error: x is undefined"], stack: undefined });
  expect(describeError("text").lines).toEqual(["internal error: text"]);
  process.env["RNX_DEBUG"] = "1";
  expect(describeError(error).stack).toContain("describe.test.ts");
});

test("several errors of one command are told one by one", () => {
  const both = new AggregateError([new RnxError("a"), new RnxError("b", { hint: "h" })]);
  expect(describeError(both)).toMatchObject({ lines: ["a", "b"], hint: "h", exitCode: 1 });
});
