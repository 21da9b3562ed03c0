import { RnxError, UsageError } from "./errors.ts";

/** What a person is told about an error, and the exit code that goes with it. */
export interface Description {
  readonly lines: readonly string[];
  readonly hint?: string | undefined;
  /** Where it happened; only with RNX_DEBUG=1. */
  readonly stack?: string | undefined;
  readonly exitCode: number;
}

/**
 * An error as text: its own sentence and, once, the system error at the bottom of its causes. One line for each
 * issue of a UsageError. Anything that is neither ours nor the system's is an internal error, told in one line.
 */
export function describe(error: unknown): Description {
  if (error instanceof AggregateError) return describeAll(error.errors);
  const stack = process.env["RNX_DEBUG"] === "1" ? stackOf(error) : undefined;
  if (error instanceof UsageError) {
    return { lines: error.issues, hint: error.hint, stack, exitCode: error.exitCode };
  }
  if (error instanceof RnxError) {
    return { lines: [sentence(error)], hint: error.hint, stack, exitCode: error.exitCode };
  }
  if (isSystemError(error)) return { lines: [error.message], stack, exitCode: 1 };
  const message = error instanceof Error ? error.message : String(error);
  const hint = stack === undefined ? "RNX_DEBUG=1 shows where it happened" : undefined;
  return { lines: [`internal error: ${message.split("\n")[0]}`], hint, stack, exitCode: 1 };
}

/** Several failures of one command: the lines of all, the hint of the first that has one, the highest exit code. */
function describeAll(errors: readonly unknown[]): Description {
  const all = errors.map(describe);
  return {
    lines: all.flatMap(({ lines }) => lines),
    hint: all.find(({ hint }) => hint !== undefined)?.hint,
    stack: all.find(({ stack }) => stack !== undefined)?.stack,
    exitCode: Math.max(...all.map(({ exitCode }) => exitCode)),
  };
}

/** The message, and what the system said unless the message has it already. */
function sentence(error: RnxError): string {
  const root = innermost(error);
  if (root === error || !isSystemError(root) || error.message.includes(root.code)) return error.message;
  return `${error.message}: ${root.message}`;
}

function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error;
}

/** Errors of node:fs and SystemCallError: both have the name of an errno in `code`. */
function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string" && "errno" in error;
}

function stackOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause = stackOf(error.cause);
  return cause === undefined ? error.stack : `${error.stack}\ncaused by: ${cause}`;
}
