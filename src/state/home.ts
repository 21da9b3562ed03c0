import { chmodSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { RnxError } from "../errors.ts";
import { getHome, getJobsDirectory } from "./paths.ts";

/**
 * Everything that rnx keeps is in directories that only root can enter or change: records and logs hold secrets, and
 * whoever can write beside them decides what root runs.
 */

/** Makes RNX_HOME and its jobs directory where they are missing; throws RnxError when one cannot be trusted. */
export function makeHome(): void {
  makePrivateDirectory(getHome());
  makePrivateDirectory(getJobsDirectory());
}

/** Whether there are any jobs to look at; throws RnxError when the directories cannot be trusted. Makes nothing. */
export function hasHome(): boolean {
  return checkDirectory(getHome()) && checkDirectory(getJobsDirectory());
}

/** A directory of mode 0700 whatever the umask, its parents made too; one that exists is checked instead. */
export function makePrivateDirectory(path: string): void {
  if (checkDirectory(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another rnx was faster.
    if (checkDirectory(path)) return;
    throw new RnxError(`cannot make ${path}`, { cause: error });
  }
  chmodSync(path, 0o700);
}

/** False when there is nothing; throws RnxError unless it is a directory that nobody else can change. */
export function checkDirectory(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (!stat.isDirectory()) throw new RnxError(`${path} is not a directory`);
  if (stat.uid !== process.geteuid?.()) {
    throw new RnxError(`${path} belongs to user ${stat.uid}, not to root`, {
      hint: `chown root:root ${path}`,
    });
  }
  if ((stat.mode & 0o022) !== 0) {
    throw new RnxError(`${path} can be changed by others than root`, { hint: `chmod go-w ${path}` });
  }
  return true;
}
