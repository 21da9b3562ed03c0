import { existsSync, readdirSync } from "node:fs";
import { errorCode, RnxError } from "../errors.ts";
import { readRegularFile } from "../files.ts";
import { hasHome } from "./home.ts";
import { isJobId, shortId } from "./ids.ts";
import { getJobPaths, getJobsDirectory } from "./paths.ts";
import { parseRecord } from "./record-json.ts";
import type { JobRecord } from "./record.ts";
import { MAX_RECORD_BYTES } from "./store.ts";

/** What is known of one job: its record, or why that cannot be read. */
export type JobEntry =
  | { readonly id: string; readonly record: JobRecord; readonly problem?: undefined }
  | { readonly id: string; readonly record?: undefined; readonly problem: string };

/** All jobs, the newest first; those whose record cannot be read come last. */
export function listJobs(): readonly JobEntry[] {
  return listJobIds()
    .flatMap((id) => findJob(id) ?? [])
    .sort((a, b) => compare(b.record?.createdTime ?? "", a.record?.createdTime ?? "") || compare(a.id, b.id));
}

/** The ids of all jobs, in no order. */
export function listJobIds(): readonly string[] {
  return hasHome() ? readdirSync(getJobsDirectory()).filter(isJobId) : [];
}

/** The job with this id, or undefined when there is none. */
export function findJob(id: string): JobEntry | undefined {
  const paths = getJobPaths(id);
  let text: string;
  try {
    text = readRegularFile(paths.record, MAX_RECORD_BYTES).toString();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (errorCode(error) !== "ENOENT") return { id, problem: error.message };
    return existsSync(paths.directory) ? { id, problem: "the record is missing" } : undefined;
  }
  const parsed = parseRecord(text);
  if ("problem" in parsed) return { id, problem: parsed.problem };
  if (parsed.record.uuid !== id) return { id, problem: `the record is that of job ${parsed.record.uuid}` };
  return { id, record: parsed.record };
}

/** The record of the job with this id. Throws RnxError when there is none or it cannot be read. */
export function readRecord(id: string): JobRecord {
  const entry = findJob(id);
  if (entry === undefined) throw new RnxError(`job not found: "${id}"`);
  if (entry.record === undefined) {
    throw new RnxError(`the record of job ${shortId(id)} cannot be read: ${entry.problem}`, {
      hint: `rnx job delete --force ${shortId(id)}`,
    });
  }
  return entry.record;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
