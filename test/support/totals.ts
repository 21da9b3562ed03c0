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

/** The line a test run ends with. */
export function describeTotals({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
