import { findCgroup } from "../cgroups/group.ts";
import { readCgroupHost } from "../cgroups/hierarchy.ts";
import { killCgroup } from "../cgroups/teardown.ts";
import { RnxError } from "../errors.ts";
import { shortId } from "../state/ids.ts";
import { readRecord } from "../state/list.ts";
import { isFinal } from "../state/record.ts";
import { resolveJobReference } from "../state/reference.ts";
import { removeJob } from "../state/remove.ts";
import { isSupervisorAlive } from "../state/store.ts";
import { recover, recoverAll } from "./recover.ts";

/** What became of jobs that were to be deleted. */
export interface Deletion {
  /** Their ids. */
  readonly deleted: readonly string[];
  /** Why others are still there. */
  readonly errors: readonly RnxError[];
}

/** How long a supervisor has to write its job's end after the job was killed. */
const END_MS = 10_000;
const END_POLL_MS = 10;

/**
 * Deletes jobs: record, log, everything. With `force` also running ones, which are killed first, and those whose
 * record cannot be read. One that cannot be deleted does not keep the others.
 */
export async function deleteJobs(references: readonly string[], force: boolean): Promise<Deletion> {
  const deleted: string[] = [];
  const errors: RnxError[] = [];
  for (const reference of references) {
    try {
      deleted.push(await deleteJob(reference, force));
    } catch (error) {
      if (!(error instanceof RnxError)) throw error;
      errors.push(error);
    }
  }
  return { deleted, errors };
}

/** Deletes every job that is over; what runs, waits for its time or cannot be read stays. */
export async function deleteEndedJobs(): Promise<Deletion> {
  const jobs = await recoverAll();
  const ended = jobs.filter(({ record }) => record !== undefined && isFinal(record.status));
  return deleteJobs(
    ended.map(({ id }) => id),
    false,
  );
}

async function deleteJob(reference: string, force: boolean): Promise<string> {
  const id = resolveJobReference(reference);
  await recover(id);
  if (force) await killJob(id);
  else readRecord(id);
  const outcome = removeJob(id);
  if (outcome === "removed") return id;
  if (outcome === "absent") throw new RnxError(`job not found: "${reference}"`);
  const hint = force ? undefined : `rnx job delete --force ${shortId(id)} kills it first`;
  throw new RnxError(`job ${shortId(id)} is running`, { hint });
}

/** Kills the job; its supervisor then records the end and lets go of it. */
async function killJob(id: string): Promise<void> {
  for (const deadline = performance.now() + END_MS; isSupervisorAlive(id);) {
    const cgroup = findCgroup(readCgroupHost(), id);
    if (cgroup !== undefined) killCgroup(cgroup);
    if (performance.now() > deadline) throw new RnxError(`job ${shortId(id)} was killed but does not end`);
    await Bun.sleep(END_POLL_MS);
  }
}
