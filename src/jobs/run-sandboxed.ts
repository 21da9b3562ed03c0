/**
 * The middle of a job: from a record on disk to the end of its last process.
 *
 * Everything that is made is pushed on one stack at the moment it exists, and the stack is unwound in reverse,
 * whether the job ended or could not be started. When this returns, nothing of the job is left but its record, its
 * log, and what --output copied.
 */
import { readCeiling } from "../cgroups/facts.ts";
import { createCgroup, type NewCgroup } from "../cgroups/group.ts";
import { hasMetMemoryLimit, readMetrics, readOomKills, readPidsLimitHits } from "../cgroups/statistics.ts";
import { removeCgroup } from "../cgroups/teardown.ts";
import { prepareTree } from "../cgroups/tree.ts";
import { closeSync } from "node:fs";
import { StartError } from "../errors.ts";
import { SIGNAL } from "../linux/constants.ts";
import { kill } from "../linux/process.ts";
import type { Identity } from "../sandbox/identity.ts";
import { launchSandbox } from "../sandbox/launch.ts";
import { planInit, planJob } from "../sandbox/plan.ts";
import { UserNamespace } from "../sandbox/user-namespace.ts";
import type { Config } from "../state/config.ts";
import { leaseIdRange } from "../state/leases.ts";
import { LogWriter } from "../state/log.ts";
import type { Metrics } from "../state/record.ts";
import type { JobHandle } from "../state/store.ts";
import { tracePhase } from "../trace.ts";
import { AttachedStreams } from "./attached-streams.ts";
import { makeEtcFiles } from "./job-environment.ts";
import { makeUpperLayer, makeWorkDirectory, removeJobDirectories } from "./job-directories.ts";
import { executesOwnProgram } from "./host-identity.ts";
import type { Outcome } from "./outcome.ts";
import { copyOutputs } from "./copy-outputs.ts";
import type { ResolvedJob } from "./resolve.ts";
import { makeSandboxInput } from "./sandbox-input.ts";
import { watchJob, type WatchResult } from "./supervise.ts";
import { copyUploads } from "./uploads.ts";

/** What became of a job that ran. */
export interface SandboxedResult {
  readonly outcome: Outcome;
  readonly metrics: Metrics;
  readonly pidsLimitHits: number;
  readonly logCutBytes: number;
  /** Why the log is not whole, when it could not be written. */
  readonly logFailure: string | undefined;
  /** What could not be done after the job: outputs not copied, the caller's standard output full. */
  readonly problems: readonly string[];
}

/** Told of a job's life as it goes on. */
export interface Progress {
  /** The job runs; `warnings` are what rnx could not do for it. */
  onRunning(startTime: Date, warnings: readonly string[]): void;
  /** All its processes have ended; what it held is about to be freed. */
  onEnded(result: SandboxedResult): void;
}

/** Time for the kernel to take a cgroup down whose processes were killed. */
const CGROUP_REMOVAL_MS = 5000;

/** Runs the job to its end. Throws when it cannot be started, and leaves nothing then. */
export async function runSandboxed(
  job: JobHandle,
  resolved: ResolvedJob,
  config: Config,
  progress: Progress,
): Promise<void> {
  await using made = new AsyncDisposableStack();
  const { spec } = resolved;
  const { paths } = job;

  const lease = spec.userNamespace ? made.use(leaseIdRange(config.ids)) : undefined;
  const identity: Identity = { firstId: lease?.first ?? 0, hasUserNamespace: lease !== undefined };
  const userNamespace = lease === undefined ? undefined : made.use(new UserNamespace(identity));
  made.defer(() => removeJobDirectories(paths));
  makeWorkDirectory(paths, identity);
  if (resolved.root.kind === "runtime") makeUpperLayer(paths, makeEtcFiles(job.id, resolved), identity);
  tracePhase("ids, directories");

  const input = makeSandboxInput(job.id, resolved, identity, paths);
  const sandbox = made.use(launchSandbox(planInit(input), userNamespace?.open()));
  tracePhase("launch of the sandbox");

  // From here on PID 1 works beside this process, until startJob waits for it.
  const { cgroup, warnings } = makeCgroup(job.id, resolved, config);
  made.defer(() => removeCgroup(cgroup, CGROUP_REMOVAL_MS));
  made.defer(() => closeSync(cgroup.directoryFd));
  lease?.assign(cgroup.path);
  tracePhase("cgroup");

  const owner = { uid: identity.firstId, gid: identity.firstId };
  copyUploads([...spec.uploads, ...spec.autoUploads], paths.work, owner);
  const log = made.use(new LogWriter(paths.log, { maxBytes: spec.logMaxBytes }));
  const streams = made.use(new AttachedStreams(log, { interactive: spec.interactive }));
  // The streams end when the job's ends do: whatever goes wrong from here on, the sandbox goes first.
  made.defer(() => sandbox.close());
  tracePhase("uploads, streams");

  let jobPid: number;
  try {
    jobPid = sandbox.startJob(planJob(input, cgroup.joinFiles), streams.job, cgroup.directoryFd);
  } finally {
    streams.closeJobEnds();
  }
  if (executesOwnProgram(jobPid)) {
    throw new StartError(`cannot execute "${spec.command}": it is rnx itself`, { exitCode: 126 });
  }
  streams.start();
  tracePhase("exec");
  progress.onRunning(new Date(), warnings);
  tracePhase("record: running");

  const watched = await watchJob({
    jobPid,
    timeoutMs: spec.timeoutMs,
    stopGraceMs: spec.stopGraceMs,
    killAll: () => kill(sandbox.initPid, SIGNAL.SIGKILL),
    hasRunOutOfMemory: needsOomWatch(resolved) ? () => readOomKills(cgroup) > 0 : undefined,
  });
  tracePhase("job");

  const files = spec.outputs.length > 0 ? sandbox.openFiles() : undefined;
  await sandbox.close();
  tracePhase("end of the sandbox");
  const outputProblems = files === undefined ? [] : copyOutputs(spec, files);
  const streamFailure = await streams.finish({ isImpatient: watched.isTimedOut || watched.isInterrupted });
  tracePhase("streams, outputs");
  progress.onEnded({
    outcome: findOutcome(watched, resolved, cgroup),
    metrics: readMetrics(cgroup),
    pidsLimitHits: readPidsLimitHits(cgroup),
    logCutBytes: log.cutBytes,
    logFailure: log.failure,
    problems: [
      ...outputProblems,
      ...(streamFailure === undefined ? [] : [`the job's output did not reach the caller: ${streamFailure}`]),
    ],
  });
  tracePhase("metrics");
}

function makeCgroup(
  id: string,
  { cgroupHost, limitPlan, isOptionalLimit }: ResolvedJob,
  config: Config,
): { cgroup: NewCgroup; warnings: string[] } {
  const treeWarnings = prepareTree(cgroupHost, readCeiling(config.ceiling));
  const cgroup = createCgroup(cgroupHost, id, limitPlan.files, isOptionalLimit);
  return { cgroup, warnings: [...treeWarnings, ...cgroup.warnings] };
}

/** Cgroup v2 kills the whole job (memory.oom.group); v1 kills one process of it and leaves the rest. */
function needsOomWatch({ spec, cgroupHost }: ResolvedJob): boolean {
  return spec.limits.memoryBytes !== undefined && cgroupHost.controllers.memory?.version === 1;
}

function findOutcome({ exit, isTimedOut }: WatchResult, { spec }: ResolvedJob, cgroup: NewCgroup): Outcome {
  const isFailure = exit.kind === "signaled" || exit.code !== 0;
  if (isFailure && readOomKills(cgroup) > 0) {
    return { kind: "oom", limitBytes: hasMetMemoryLimit(cgroup) ? spec.limits.memoryBytes : undefined };
  }
  if (isTimedOut && spec.timeoutMs !== undefined) return { kind: "timedOut", timeoutMs: spec.timeoutMs };
  return exit;
}
