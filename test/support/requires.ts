import { test } from "bun:test";

/** True inside the machine that test/vm boots: systemd is PID 1, every controller is in cgroup v2. */
export const IS_IN_VM = process.env["RNX_TEST_IN_VM"] === "1";

const MUST_WORK = process.env["RNX_MUST_WORK"] === "1";

type Test = (title: string, body: () => void | Promise<void>, limitMs?: number) => void;

/**
 * `test` where the condition holds; else a skip whose title says what is missing («needs a hybrid host»).
 * RNX_MUST_WORK=1 makes such a skip a failure: set where everything is there, so that no test is lost silently.
 */
export function requires(condition: boolean, reason: string): Test {
  if (condition) return (title, body, limitMs) => test(title, body, limitMs);
  if (MUST_WORK) return (title) => test(title, () => Promise.reject(new Error(`cannot run: ${reason}`)));
  return (title) => test.skip(`${title} [skipped: ${reason}]`, () => {});
}

/** As `requires`, for what the test machine lacks on purpose: a skip there, whatever RNX_MUST_WORK says. */
export function requiresOutsideVm(condition: boolean, reason: string): Test {
  return IS_IN_VM
    ? (title) => test.skip(`${title} [skipped: ${reason}]`, () => {})
    : requires(condition, reason);
}
