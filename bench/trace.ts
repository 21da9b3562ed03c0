import { median } from "./statistics.ts";

/** One phase of a command, as RNX_TRACE=1 prints it. */
export interface Phase {
  readonly name: string;
  readonly ms: number;
}

/** One traced run: how long its caller waited for it, and how rnx says it was spent. */
export interface TracedRun {
  readonly totalMs: number;
  readonly phases: readonly Phase[];
}

const LINE = /^trace: +(\d+\.\d+) ms  (.+)$/gm;

/** The phases among the lines of standard error. */
export function parseTrace(stderr: string): Phase[] {
  return Array.from(stderr.matchAll(LINE), ([, ms, name = ""]) => ({ name, ms: Number(ms) }));
}

/**
 * The median of each phase, in the order they come in. What no phase covers is named too: the kernel's work until the
 * program's clock starts, and the end of the process after the last phase.
 */
export function summarizeTraces(runs: readonly TracedRun[]): Phase[] {
  const samples = new Map<string, number[]>();
  const uncovered: number[] = [];
  for (const { totalMs, phases } of runs) {
    for (const { name, ms } of phases) samples.set(name, [...(samples.get(name) ?? []), ms]);
    uncovered.push(totalMs - phases.reduce((sum, { ms }) => sum + ms, 0));
  }
  const known = Array.from(samples, ([name, values]) => ({ name, ms: median(values) }));
  return [...known, { name: "outside of the trace: exec, exit", ms: median(uncovered) }];
}
