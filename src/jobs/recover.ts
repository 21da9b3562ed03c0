/**
 * Ends the records of jobs whose supervisor died: killed, out of memory, or gone with the host.
 *
 * The sandbox itself needs no help: PID 1 ends when the lifeline does, and the kernel takes its namespaces and mounts
 * down. What is left is on disk: the cgroups, the job's directories, and a record that says RUNNING.
 */
import { readCgroupHost } from "../cgroups/hierarchy.ts";
import { findCgroup } from "../cgroups/group.ts";
import { killCgroup, removeCgroup } from "../cgroups/teardown.ts";
import { isFinal, isNewerRecord, type JobRecord } from "../state/record.ts";
import { findJob, listJobs } from "../state/list.ts";
import { removeStaleDirectories } from "../state/remove.ts";
import { isSupervisorAlive, openJob, writeRecord } from "../state/store.ts";
import { readBootId } from "./host-identity.ts";
import { removeJobDirectories } from "./job-directories.ts";

/** Time for the kernel to end what was killed, and to take its cgroup down. */
const REMOVAL_MS = 5000;

/** Ends every record that needs it, and removes what a killed rnx left half-made or half-removed. */
export async function recoverAll(): Promise<void> {
  for (const { record } of listJobs()) if (needsRecovery(record)) await recoverRecord(record.uuid);
  removeStaleDirectories();
}

/** Ends the record of one job if its supervisor is dead. */
export async function recover(id: string): Promise<void> {
  if (needsRecovery(findJob(id)?.record)) await recoverRecord(id);
}

async function recoverRecord(id: string): Promise<void> {
  using job = openJob(id);
  // Read again under the lock: somebody else may have ended it meanwhile.
  const record = findJob(id)?.record;
  if (job === undefined || record === undefined || !isUnfinished(record)) return;
  const cgroup = findCgroup(readCgroupHost(), id);
  if (cgroup !== undefined) {
    killCgroup(cgroup);
    await removeCgroup(cgroup, REMOVAL_MS);
  }
  removeJobDirectories(job.paths);
  writeRecord(job, { ...record, ...lostState(record), endTime: new Date().toISOString() }, { durable: true });
}

function needsRecovery(record: JobRecord | undefined): record is JobRecord {
  return record !== undefined && isUnfinished(record) && !isSupervisorAlive(record.uuid);
}

/** SCHEDULED jobs have no supervisor yet, and need none. */
function isUnfinished(record: JobRecord): boolean {
  return !isFinal(record.status) && record.status !== "SCHEDULED" && !isNewerRecord(record);
}

function lostState(record: JobRecord): Pick<JobRecord, "status" | "reason" | "message"> {
  const hasRebooted = record.supervisor?.bootId !== readBootId();
  return hasRebooted
    ? { status: "FAILED", reason: "reboot", message: "the host was restarted while the job ran" }
    : { status: "FAILED", reason: "supervisor-lost", message: "the rnx that watched the job was killed" };
}
