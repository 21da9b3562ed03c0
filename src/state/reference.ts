import { RnxError } from "../errors.ts";
import { isJobId, isJobName, isShortId } from "./ids.ts";
import { findJob, listJobIds, listJobs } from "./list.ts";

/**
 * The id of the job that a person means: by the whole id, by 8 or more of its first characters that only one job has,
 * or by the name, of which the newest counts. Throws RnxError when there is none, or more than one.
 */
export function resolveJobReference(reference: string): string {
  if (isJobId(reference) && findJob(reference) !== undefined) return reference;
  const matches = isShortId(reference) ? listJobIds().filter((id) => id.startsWith(reference)) : [];
  const [id, ...others] = matches.toSorted();
  if (others.length > 0) throw new RnxError(`"${reference}" is ambiguous: ${matches.toSorted().join(", ")}`);
  const found = id ?? findNewestNamed(reference);
  if (found === undefined) throw new RnxError(`job not found: "${reference}"`, { hint: "rnx job list" });
  return found;
}

function findNewestNamed(name: string): string | undefined {
  return isJobName(name) ? listJobs().find((entry) => entry.record?.name === name)?.id : undefined;
}
