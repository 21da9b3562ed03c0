import { SIGNAL } from "../linux/constants.ts";
import type { ProcessExit } from "../linux/process.ts";
import type { JobReason, JobStatus } from "../state/record.ts";
import { formatDuration, formatSize } from "../units.ts";

/** How a job ended, as one fact. */
export type Outcome =
  | ProcessExit
  | { readonly kind: "oom"; readonly limitBytes: number | undefined }
  | { readonly kind: "timedOut"; readonly timeoutMs: number }
  | { readonly kind: "startFailed"; readonly exitCode: number; readonly message: string };

/** What a record says of an outcome. */
export interface FinalState {
  readonly status: JobStatus;
  readonly reason: JobReason;
  readonly exitCode: number;
  readonly signal: string | null;
  readonly message: string | null;
}

/** A shell's exit code for a process that signal N ended is 128 + N. */
const SIGNALED = 128;
/** timeout(1)'s exit code. */
const TIMED_OUT = 124;

/** The name of a signal: "SIGTERM" for 15, "SIG40" for one without a name. */
export function signalName(signal: number): string {
  const name = Object.entries(SIGNAL).find(([key, value]) => value === signal && /^SIG[A-Z0-9]+$/.test(key));
  return name?.[0] ?? `SIG${signal}`;
}

/** The final state of a job: status, reason, exit code (as `job run` and `job wait` give it), and a sentence. */
export function describeOutcome(outcome: Outcome): FinalState {
  switch (outcome.kind) {
    case "exited":
      return outcome.code === 0
        ? { status: "COMPLETED", reason: "exit", exitCode: 0, signal: null, message: null }
        : failed("exit", outcome.code, null);
    case "signaled": {
      const signal = signalName(outcome.signal);
      return { ...failed("signal", SIGNALED + outcome.signal, `ended by ${signal}`), signal };
    }
    case "oom": {
      const limit = outcome.limitBytes;
      const message =
        limit === undefined
          ? "killed: the host ran out of the memory that jobs may use; see ceiling in rnx.yml"
          : `killed: out of memory at the limit of ${formatSize(limit)}; --max-memory raises it`;
      return { ...failed("oom", SIGNALED + SIGNAL.SIGKILL, message), signal: "SIGKILL" };
    }
    case "timedOut": {
      const message = `ended at the timeout of ${formatDuration(outcome.timeoutMs)}; --timeout raises it`;
      return failed("timeout", TIMED_OUT, message);
    }
    case "startFailed":
      return failed("start-failed", outcome.exitCode, outcome.message);
  }
}

function failed(reason: JobReason, exitCode: number, message: string | null): FinalState {
  return { status: "FAILED", reason, exitCode, signal: null, message };
}
