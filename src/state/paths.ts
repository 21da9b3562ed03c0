import { isAbsolute, join, resolve } from "node:path";
import { UsageError } from "../errors.ts";
import { isJobId } from "./ids.ts";

const DEFAULT_HOME = "/opt/joblet";

/**
 * The directory that holds everything: RNX_HOME, else /opt/joblet. An empty RNX_HOME is refused and not taken for an
 * absent one: `RNX_HOME=$UNSET rnx job delete-all` must not empty /opt/joblet.
 */
export function getHome(): string {
  const home = process.env["RNX_HOME"] ?? DEFAULT_HOME;
  if (!isAbsolute(home)) throw new UsageError(`RNX_HOME is not an absolute path: "${home}"`);
  return resolve(home);
}

/** Where the jobs are, each in a directory named by its id. */
export function getJobsDirectory(): string {
  return join(getHome(), "jobs");
}

/** Where the runtimes are: NAME/VERSION/ or NAME/. */
export function getRuntimesDirectory(): string {
  return join(getHome(), "runtimes");
}

/** A job's directory has these before its id while it is being made and while it is being removed. */
export const NEW_PREFIX = ".new-";
export const GONE_PREFIX = ".gone-";

/** The paths of one job. */
export interface JobPaths {
  readonly directory: string;
  readonly record: string;
  readonly log: string;
  /** Bind-mounted as /work. */
  readonly work: string;
  /** What the job changes of its runtime's root, and the overlay's own work directory. */
  readonly upper: string;
  readonly overlay: string;
}

/** The paths of the job with this id. TypeError on a text that is not a whole id: it could lead anywhere. */
export function getJobPaths(id: string): JobPaths {
  if (!isJobId(id)) throw new TypeError(`not a job's id: "${id}"`);
  return jobPathsIn(join(getJobsDirectory(), id));
}

/** The same in a directory that has another name while the job is being made. */
export function jobPathsIn(directory: string): JobPaths {
  return {
    directory,
    record: join(directory, "job.json"),
    log: join(directory, "log"),
    work: join(directory, "work"),
    upper: join(directory, "upper"),
    overlay: join(directory, "overlay"),
  };
}

/**
 * Where a job's root, and the lower layer of its overlay, are put together: empty directories that all jobs share,
 * since each mounts over them in a mount namespace of its own. Gone at a reboot, like the leases beside them.
 */
export const MOUNT_POINTS = { root: "/run/rnx/mnt/root", lower: "/run/rnx/mnt/lower" } as const;
