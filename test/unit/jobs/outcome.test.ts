import { describe, expect, test } from "bun:test";
import { describeOutcome, signalName } from "../../../src/jobs/outcome.ts";

describe("the final state of an outcome", () => {
  test("exit code 0 is COMPLETED", () => {
    expect(describeOutcome({ kind: "exited", code: 0 })).toEqual({
      status: "COMPLETED",
      reason: "exit",
      exitCode: 0,
      signal: null,
      message: null,
    });
  });

  test("another exit code is the job's own", () => {
    expect(describeOutcome({ kind: "exited", code: 7 })).toMatchObject({
      status: "FAILED",
      reason: "exit",
      exitCode: 7,
    });
  });

  test("signal N gives 128 + N and its name", () => {
    expect(describeOutcome({ kind: "signaled", signal: 15 })).toMatchObject({
      reason: "signal",
      exitCode: 143,
      signal: "SIGTERM",
    });
  });

  test("a limit's end names the limit, its value and the flag that raises it", () => {
    expect(describeOutcome({ kind: "oom", limitBytes: 64 * 2 ** 20 })).toMatchObject({
      reason: "oom",
      exitCode: 137,
      message: "killed: out of memory at the limit of 64MB; --max-memory raises it",
    });
    expect(describeOutcome({ kind: "timedOut", timeoutMs: 2000 })).toMatchObject({
      reason: "timeout",
      exitCode: 124,
      message: "ended at the timeout of 2s; --timeout raises it",
    });
  });
});

test("signals have their POSIX names, real-time ones a number", () => {
  expect([9, 1, 17, 40].map(signalName)).toEqual(["SIGKILL", "SIGHUP", "SIGCHLD", "SIG40"]);
});
