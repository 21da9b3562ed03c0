import {
  constants,
  fstatSync,
  ftruncateSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { errorCode, StartError } from "../errors.ts";
import { makePrivateDirectory } from "./home.ts";
import { type HostIds, isWithin, readHostIds } from "./host-ids.ts";
import { type Lock, tryLock } from "./lock.ts";

/**
 * Ranges of user and group ids, one for each live job with a user namespace, so that no two jobs are the same user.
 *
 * A lease is a file of /run/rnx/ids, named by the range's number, locked as long as its supervisor lives, with the
 * path of the job's cgroup in it. It is not below RNX_HOME, because the ids are the host's. When a supervisor was
 * killed its lock is free, but the range is not before the cgroup is empty.
 */
export interface IdLease extends Disposable {
  /** The first of the range's ids, for users and groups alike. */
  readonly first: number;
  /** Notes the job's cgroup, a cgroup v2 directory, before any process is in it. */
  assign(cgroupPath: string): void;
  /** Gives the range back. The cgroup must be empty. */
  release(): void;
}

/** Which ids may be leased: `count` ranges from `first` on, a multiple of the range's size. */
export interface IdRanges {
  readonly first: number;
  readonly count: number;
}

export const IDS_PER_RANGE = 65_536;

const LEASES_DIRECTORY = "/run/rnx/ids";

/** Leases a range that no job and nobody on the host uses. Throws StartError when there is none. */
export function leaseIdRange(
  ranges: IdRanges,
  directory: string = LEASES_DIRECTORY,
  hostIds: readonly HostIds[] = readHostIds(),
): IdLease {
  try {
    makePrivateDirectory(directory);
    // A random start keeps jobs that begin together from trying the same ranges one after the other.
    const start = Math.floor(Math.random() * ranges.count);
    for (let i = 0; i < ranges.count; i++) {
      const first = ranges.first + ((start + i) % ranges.count) * IDS_PER_RANGE;
      if (hostIds.some((ids) => isWithin(ids, first, first + IDS_PER_RANGE))) continue;
      const path = join(directory, `${first / IDS_PER_RANGE}`);
      const lock = tryLockFree(path, constants.O_RDWR | constants.O_CREAT);
      if (lock !== undefined) return makeLease(first, path, lock);
    }
  } catch (error) {
    throw new StartError(`cannot lease user ids in ${directory}`, { cause: error });
  }
  throw new StartError(
    `no user ids are left: all ${ranges.count} ranges from ${ranges.first} on are in use`,
    {
      hint: "ids.first and ids.count in rnx.yml set them",
    },
  );
}

/** Removes the leases of supervisors that were killed, as far as nothing of their jobs is left. */
export function removeStaleLeases(directory: string = LEASES_DIRECTORY): void {
  for (const name of listNames(directory)) {
    const path = join(directory, name);
    using lock = tryLockFree(path, constants.O_RDWR);
    if (lock !== undefined) unlinkSync(path);
  }
}

function makeLease(first: number, path: string, lock: Lock): IdLease {
  ftruncateSync(lock.fd, 0);
  const release = () => {
    if (!lock.isHeld) return;
    // While it is locked: an unlinked file that somebody else has opened is then told by its link count.
    unlinkSync(path);
    lock.release();
  };
  return {
    first,
    assign: (cgroupPath) => void writeSync(lock.fd, cgroupPath, 0),
    release,
    [Symbol.dispose]: release,
  };
}

/** The locked file of a range that nobody uses; undefined when somebody does, or it is gone. */
function tryLockFree(path: string, flags: number): Lock | undefined {
  for (;;) {
    const lock = tryLockExisting(path, flags);
    if (lock === undefined) return undefined;
    const isUnlinked = fstatSync(lock.fd).nlink === 0;
    if (!isUnlinked && !isPopulated(readFileSync(lock.fd, "utf8"))) return lock;
    lock.release();
    if (!isUnlinked) return undefined;
  }
}

function tryLockExisting(path: string, flags: number): Lock | undefined {
  try {
    return tryLock(path, "exclusive", flags);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether a process is left in the cgroup that a lease names. */
function isPopulated(cgroupPath: string): boolean {
  if (cgroupPath === "") return false;
  try {
    return readFileSync(join(cgroupPath, "cgroup.events"), "utf8").includes("populated 1");
  } catch {
    return false;
  }
}

function listNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
