/** How a test run ended, and which tests failed («file: title»). */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
}

export const NOTHING: Totals = Object.freeze({ passed: 0, failed: 0, skipped: 0, failures: [] });

/** The totals of one thing that is not a bun test, such as the type check. */
export function totalsOfOne(title: string, hasPassed: boolean): Totals {
  return hasPassed ? { ...NOTHING, passed: 1 } : { ...NOTHING, failed: 1, failures: [title] };
}

/** The sum of any number of totals. */
export function addTotals(...parts: readonly Totals[]): Totals {
  return {
    passed: parts.reduce((sum, part) => sum + part.passed, 0),
    failed: parts.reduce((sum, part) => sum + part.failed, 0),
    skipped: parts.reduce((sum, part) => sum + part.skipped, 0),
    failures: parts.flatMap((part) => part.failures),
  };
}

/** The lines a test run ends with: each failure, then the sum. */
export function describeRun({ failures, ...totals }: Totals): string {
  return [...failures.map((failure) => FAILED + failure), describeSum(totals)].join("\n");
}

/** «N passed, N failed, N skipped». */
export function describeSum(totals: Omit<Totals, "failures">): string {
  return `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`;
}

const FAILED = "failed: ";
const SUM = /^(\d+) passed, (\d+) failed, (\d+) skipped\r?$/;

/** The totals of each run that ended in this output, read from the lines that end a run. */
export function parseTotals(output: string): Totals[] {
  const runs: Totals[] = [];
  let failures: string[] = [];
  for (const line of output.split("\n")) {
    const [sum, passed, failed, skipped] = SUM.exec(line) ?? [];
    if (sum !== undefined) {
      runs.push({ passed: Number(passed), failed: Number(failed), skipped: Number(skipped), failures });
      failures = [];
    } else if (line.startsWith(FAILED)) {
      failures.push(line.slice(FAILED.length));
    }
  }
  return runs;
}
