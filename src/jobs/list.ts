import { type JobEntry, readRecord } from "../state/list.ts";
import type { JobRecord, JobStatus } from "../state/record.ts";
import { resolveJobReference } from "../state/reference.ts";
import { recover, recoverAll } from "./recover.ts";

/** Which jobs are wanted; absent = all. */
export interface JobFilter {
  readonly status?: JobStatus | undefined;
  readonly name?: string | undefined;
  /** The newest so many. */
  readonly limit?: number | undefined;
}

/** The jobs there are, the newest first, and those whose record cannot be read, whatever the filter. */
export interface JobList {
  readonly records: readonly JobRecord[];
  readonly unreadable: readonly JobEntry[];
}

/** Lists jobs, after ending the records of those whose supervisor died. */
export async function listCurrentJobs({ status, name, limit }: JobFilter): Promise<JobList> {
  const entries = await recoverAll();
  const records = entries
    .flatMap(({ record }) => record ?? [])
    .filter((record) => status === undefined || record.status === status)
    .filter((record) => name === undefined || record.name === name);
  return {
    records: records.slice(0, limit),
    unreadable: entries.filter(({ record }) => record === undefined),
  };
}

/** The record of the job that a person means, ended first if its supervisor died. Throws RnxError. */
export async function readCurrentJob(reference: string): Promise<JobRecord> {
  const id = resolveJobReference(reference);
  await recover(id);
  return readRecord(id);
}

/** How long the job has run, or ran: undefined before its start. */
export function findDurationMs({ startTime, endTime }: JobRecord, now: number): number | undefined {
  if (startTime === null) return undefined;
  return Math.max(0, (endTime === null ? now : Date.parse(endTime)) - Date.parse(startTime));
}

/** Command and arguments in one line, as they were typed but for the quotes. */
export function commandLine({ command, args }: JobRecord): string {
  return [command, ...args].join(" ");
}
