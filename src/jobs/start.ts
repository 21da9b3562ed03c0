import { getJobPaths } from "../state/paths.ts";
import { explainPlan } from "../sandbox/explain.ts";
import { planSandbox } from "../sandbox/plan.ts";
import type { Config } from "../state/config.ts";
import { newJobId } from "../state/ids.ts";
import type { JobRecord } from "../state/record.ts";
import { beginLastRecord, createJob, type JobHandle, type LastRecord, writeRecord } from "../state/store.ts";
import { removeJob } from "../state/remove.ts";
import { RnxError } from "../errors.ts";
import { tracePhase } from "../trace.ts";
import { explainEnvironment, explainLimits } from "./explain.ts";
import { findHint } from "./hints.ts";
import { readOwnIdentity } from "./host-identity.ts";
import { newRecord } from "./new-record.ts";
import { describeOutcome, type FinalState } from "./outcome.ts";
import { type ResolvedJob, resolveJob } from "./resolve.ts";
import { runSandboxed, type SandboxedResult } from "./run-sandboxed.ts";
import { makeSandboxInput } from "./sandbox-input.ts";
import type { JobSpec } from "./spec.ts";
import { describeStartFailure } from "./start-failure.ts";

/** How an attached job ended, for the one who ran it. */
export interface JobEnd {
  readonly record: JobRecord;
  readonly exitCode: number;
  /** What a person has to know, in order; the verdict is the last. */
  readonly notices: readonly string[];
  /** What may have been forgotten, when the job failed. */
  readonly hint: string | undefined;
}

/**
 * Runs a job attached to this process's streams, to its end. Throws StartError when it cannot be started; the record
 * then says so, too. The record's lock is held to the very end: a record without a final state and without a lock
 * is one whose supervisor died, and whoever meets it clears up after it.
 */
export async function runJob(spec: JobSpec, config: Config): Promise<JobEnd> {
  const created = new Date();
  const resolved = await resolveJob(spec, config);
  tracePhase("resolve");
  const initial = newRecord(newJobId(), resolved, readOwnIdentity(), created);
  try {
    using job = createJob(initial, { durable: false });
    tracePhase("record: initializing");
    return await runRecorded(job, initial, resolved, config);
  } finally {
    // The lock is given up by now: a job that has its supervisor is not removed.
    if (!spec.keepsRecord) removeJob(initial.uuid);
    tracePhase("record: final");
  }
}

async function runRecorded(
  job: JobHandle,
  initial: JobRecord,
  resolved: ResolvedJob,
  config: Config,
): Promise<JobEnd> {
  const { spec } = resolved;
  let record = initial;
  let started = performance.now();
  // The clock may be set while the job runs: the end is its start and the time that passed.
  const endTime = () =>
    new Date(Date.parse(record.startTime ?? record.createdTime) + performance.now() - started).toISOString();
  let end: { readonly jobEnd: JobEnd; readonly last: LastRecord } | undefined;
  try {
    await runSandboxed(job, resolved, config, {
      onRunning(startTime, warnings) {
        started = performance.now();
        record = {
          ...record,
          status: "RUNNING",
          startTime: startTime.toISOString(),
          warnings: [...record.warnings, ...warnings],
        };
        writeRecord(job, record);
      },
      onEnded(result) {
        const state = finalState(result, spec);
        const { metrics, logCutBytes, logFailure } = result;
        const logWarnings = logFailure === undefined ? [] : [`the log is not whole: ${logFailure}`];
        const warnings = [...record.warnings, ...logWarnings];
        record = { ...record, ...state, endTime: endTime(), metrics, logCutBytes, warnings };
        // Written while what the job held is freed, and put in its place after that.
        end = { jobEnd: endOf(record, state, result, spec), last: beginLastRecord(job, record) };
      },
    });
  } catch (error) {
    const failure = describeStartFailure(error, spec);
    const message = failure instanceof Error ? failure.message : String(failure);
    if (end === undefined) {
      const exitCode = failure instanceof RnxError ? failure.exitCode : 1;
      record = {
        ...record,
        ...describeOutcome({ kind: "startFailed", exitCode, message }),
        endTime: endTime(),
      };
    } else {
      record = { ...record, warnings: [...record.warnings, `not all was freed: ${message}`] };
    }
    await beginLastRecord(job, record).commit();
    throw failure;
  }
  tracePhase("release");
  if (end === undefined) throw new TypeError("a job that was run has not ended");
  await end.last.commit();
  return end.jobEnd;
}

/** The outcome's state, with what made the job fail after it had ended well, and the limit it ran into. */
function finalState(result: SandboxedResult, spec: JobSpec): FinalState {
  const state = describeOutcome(result.outcome);
  const isPlainFailure = state.status === "FAILED" && state.message === null;
  if (isPlainFailure && result.pidsLimitHits > 0) {
    const message = `met the limit of ${spec.limits.maxPids} processes ${result.pidsLimitHits} times; --max-pids raises it`;
    return { ...state, message };
  }
  return state;
}

function endOf(record: JobRecord, state: FinalState, { problems }: SandboxedResult, spec: JobSpec): JobEnd {
  const exitCode = state.exitCode === 0 && problems.length > 0 ? 1 : state.exitCode;
  const verdict = state.message !== null && state.reason !== "signal" ? [state.message] : [];
  const hint =
    state.reason === "exit" && state.exitCode !== 0
      ? findHint(spec, state.exitCode, process.cwd())
      : undefined;
  return { record, exitCode, notices: [...record.warnings, ...problems, ...verdict], hint };
}

/** An id range that is not leased: what is explained is not run. */
const EXPLAINED_FIRST_ID = 524_288;

/** Limits, environment and plan of the job as text; nothing is made. Secrets are not in it. */
export async function explainJob(spec: JobSpec, config: Config): Promise<string> {
  const resolved = await resolveJob(spec, config);
  const id = newJobId();
  const identity = {
    firstId: spec.userNamespace ? EXPLAINED_FIRST_ID : 0,
    hasUserNamespace: spec.userNamespace,
  };
  const plan = planSandbox(makeSandboxInput(id, resolved, identity, getJobPaths(id)), []);
  return [explainLimits(resolved), explainEnvironment(id, resolved), explainPlan(plan)].join("\n");
}
