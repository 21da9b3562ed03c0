/**
 * Ends the records of jobs whose supervisor died: killed, out of memory, or gone with the host.
 *
 * The sandbox itself needs no help: PID 1 ends when the lifeline does, and the kernel takes its namespaces and mounts
 * down. What is left is on disk: the cgroups, the job's directories, and a record that says RUNNING.
 */
import { statSync } from "node:fs";
import { readCgroupHost } from "../cgroups/hierarchy.ts";
import { findCgroup, listCgroups } from "../cgroups/group.ts";
import { isPopulated, killCgroup, removeCgroup } from "../cgroups/teardown.ts";
import { isFinal, isNewerRecord, type JobRecord } from "../state/record.ts";
import { removeStaleLeases } from "../state/leases.ts";
import { findJob, type JobEntry, listJobs } from "../state/list.ts";
import { removeStaleDirectories } from "../state/remove.ts";
import { beginLastRecord, isSupervisorAlive, openJob } from "../state/store.ts";
import { readBootId } from "./host-identity.ts";
import { removeJobDirectories } from "./job-directories.ts";

/** Time for the kernel to end what was killed, and to take its cgroup down. */
const REMOVAL_MS = 5000;

/** An unpopulated cgroup that is younger may belong to a job that is just being started. */
const ORPHAN_AGE_MS = 60_000;

/**
 * Ends every record that needs it, and removes what killed rnxes left: half-made and half-removed jobs, leases,
 * cgroups that no record names. Returns all jobs as they are then, the newest first.
 */
export async function recoverAll(): Promise<readonly JobEntry[]> {
  const jobs: JobEntry[] = [];
  for (const entry of listJobs()) {
    const job = needsRecovery(entry.record) ? await recoverRecord(entry.id) : entry;
    if (job !== undefined) jobs.push(job);
  }
  removeStaleDirectories();
  removeStaleLeases();
  await removeOrphanCgroups();
  return jobs;
}

async function removeOrphanCgroups(): Promise<void> {
  const host = readCgroupHost();
  for (const id of listCgroups(host)) {
    const cgroup = findCgroup(host, id);
    if (cgroup === undefined || isPopulated(cgroup)) continue;
    const stat = statSync(cgroup.path, { throwIfNoEntry: false });
    const isOld = stat === undefined || Date.now() - stat.ctimeMs > ORPHAN_AGE_MS;
    if (isOld) await removeCgroup(cgroup, REMOVAL_MS);
  }
}

/** Ends the record of one job if its supervisor is dead. */
export async function recover(id: string): Promise<void> {
  if (needsRecovery(findJob(id)?.record)) await recoverRecord(id);
}

/** Ends the record and returns the job as it is then; undefined when it is gone. */
async function recoverRecord(id: string): Promise<JobEntry | undefined> {
  using job = openJob(id);
  // Read again under the lock: somebody else may have ended it meanwhile.
  const entry = findJob(id);
  if (job === undefined || entry?.record === undefined || !isUnfinished(entry.record)) return entry;
  const cgroup = findCgroup(readCgroupHost(), id);
  if (cgroup !== undefined) {
    killCgroup(cgroup);
    await removeCgroup(cgroup, REMOVAL_MS);
  }
  removeStaleLeases();
  removeJobDirectories(job.paths);
  const record = { ...entry.record, ...lostState(entry.record), endTime: new Date().toISOString() };
  await beginLastRecord(job, record).commit();
  return { id, record };
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
