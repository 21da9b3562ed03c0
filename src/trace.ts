/**
 * RNX_TRACE=1: how long each phase of a command took. A phase is named at its end; the text is for standard error.
 */
const isTracing = process.env["RNX_TRACE"] === "1";
const phases: (readonly [name: string, endMs: number])[] = [];

/** Ends a phase that began at the end of the one before; the first began when the process did. */
export function tracePhase(name: string): void {
  if (isTracing) phases.push([name, performance.now()]);
}

/** The phases so far as lines, in milliseconds; none unless RNX_TRACE=1. */
export function describeTrace(): readonly string[] {
  return phases.map(([name, end], i) => {
    const start = phases[i - 1]?.[1] ?? 0;
    return `trace: ${(end - start).toFixed(2).padStart(9)} ms  ${name}`;
  });
}
