import { expect, test } from "bun:test";
import { parseTrace, summarizeTraces } from "../../../bench/trace.ts";

test("a trace is read from among other lines of standard error", () => {
  const stderr =
    "warning: pids is on v1\ntrace:      3.50 ms  main\ntrace:     12.06 ms  end of the sandbox\n";
  expect(parseTrace(stderr)).toEqual([
    { name: "main", ms: 3.5 },
    { name: "end of the sandbox", ms: 12.06 },
  ]);
});

test("phases get their medians in the order they come in, and what no phase covers gets its own", () => {
  const runs = [1, 3, 2].map((ms) => ({
    totalMs: 10,
    phases: [
      { name: "plan", ms },
      { name: "exec", ms: 2 * ms },
    ],
  }));
  expect(summarizeTraces(runs)).toEqual([
    { name: "plan", ms: 2 },
    { name: "exec", ms: 4 },
    { name: "outside of the trace: exec, exit", ms: 4 },
  ]);
});
