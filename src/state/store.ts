import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { errorCode, RnxError, StartError } from "../errors.ts";
import { formatSize } from "../units.ts";
import { makeHome } from "./home.ts";
import { shortId } from "./ids.ts";
import { GLANCE_MS, type Lock, type LockKind, lockWithin } from "./lock.ts";
import { getJobPaths, getJobsDirectory, jobPathsIn, NEW_PREFIX, type JobPaths } from "./paths.ts";
import { encodeRecord } from "./record-json.ts";
import { isNewerRecord, type JobRecord } from "./record.ts";

/**
 * How jobs are written. A job's directory is made as `.new-ID`, locked, given its record, and renamed to ID: one that
 * can be seen always has a record, and is locked as long as its supervisor lives. The lock is on the directory itself
 * and ends with the process, so a supervisor that was killed, or the host's end, is seen by whoever looks next.
 *
 * A record is replaced whole, by a rename: readers take no lock. Only the holder of the lock writes it.
 */

/** A job whose lock this process holds: its supervisor, or whoever ends the record of a lost one. */
export interface JobHandle extends Disposable {
  readonly id: string;
  readonly paths: JobPaths;
  /** The locked directory, close-on-exec. */
  readonly directoryFd: number;
  /** Gives the lock up: from then on the job has no supervisor. */
  close(): void;
}

/**
 * Larger records are neither written nor read. The kernel takes 6 MB of arguments and environment at most, and JSON
 * may write a byte as six.
 */
export const MAX_RECORD_BYTES = 40 * 2 ** 20;

/**
 * The file that becomes the last record. It is made when the job runs, so that the job holds its blocks, should the
 * disk become full meanwhile.
 */
const LAST = ".job.json.last";
/** What a record may grow by until its end: message, warnings, metrics. */
const RESERVE_BYTES = 4096;
const NEXT = ".job.json.next";

/**
 * Makes the job's directory with the record in it and returns the job, locked. `durable` when its id is to outlive a
 * crash of the host. Throws StartError and leaves nothing.
 */
export function createJob(record: JobRecord, { durable }: { readonly durable: boolean }): JobHandle {
  const { directory } = getJobPaths(record.uuid);
  const temporary = join(getJobsDirectory(), NEW_PREFIX + record.uuid);
  const bytes = Buffer.from(encodeRecord(record));
  if (bytes.length > MAX_RECORD_BYTES) {
    throw new StartError(`the job's record would be larger than ${formatSize(MAX_RECORD_BYTES)}`);
  }
  let lock: Lock | undefined;
  try {
    makeHome();
    lock = makeLockedDirectory(temporary);
    writeFile(jobPathsIn(temporary).record, bytes, durable);
    if (durable) fsyncSync(lock.fd);
    renameSync(temporary, directory);
    if (durable) syncDirectory(getJobsDirectory());
    return makeHandle(record.uuid, lock);
  } catch (error) {
    if (lock !== undefined) rmSync(temporary, { recursive: true, force: true });
    lock?.release();
    if (error instanceof RnxError)
      throw new StartError(error.message, { hint: error.hint, cause: error.cause });
    const hint =
      errorCode(error) === "EFBIG" ? "raise the limit on the size of files: ulimit -f unlimited" : undefined;
    throw new StartError(`cannot make ${directory}`, { hint, cause: error });
  }
}

/**
 * Takes over a job that has no supervisor, to start it or to end its record: undefined when it has one after all, or
 * is gone.
 */
export function openJob(id: string): JobHandle | undefined {
  const { directory } = getJobPaths(id);
  const lock = lockDirectory(directory, "exclusive", GLANCE_MS);
  if (lock === undefined) return undefined;
  if (isAt(directory, lock)) return makeHandle(id, lock);
  lock.release();
  return undefined;
}

/** Whether the job's supervisor lives. False for a job that is not there. */
export function isSupervisorAlive(id: string): boolean {
  const { directory } = getJobPaths(id);
  using lock = lockDirectory(directory, "shared", 0);
  return lock === undefined && statSync(directory, { throwIfNoEntry: false }) !== undefined;
}

/** Replaces the record of a job that goes on. Throws RnxError. */
export function writeRecord(job: JobHandle, record: JobRecord): void {
  const bytes = encodeOwn(job, record);
  const next = join(job.paths.directory, NEXT);
  try {
    writeFile(next, bytes, false);
    renameSync(next, job.paths.record);
    writeFile(join(job.paths.directory, LAST), Buffer.alloc(bytes.length + RESERVE_BYTES), false);
  } catch (error) {
    rmSync(next, { force: true });
    throw cannotWrite(job, error);
  }
}

/** The record of a job's end on its way to the disk: written, and being synced, but not yet in its place. */
export interface LastRecord {
  /** Waits for the disk and puts the record in its place: a crash of the host makes it untrue no more. */
  commit(): Promise<void>;
}

/** Begins to write the record of a job's end; the disk works while the caller does. Throws RnxError. */
export function beginLastRecord(job: JobHandle, record: JobRecord): LastRecord {
  const bytes = encodeOwn(job, record);
  const { directory, record: place } = job.paths;
  const last = join(directory, LAST);
  try {
    const fd = openForWriting(last);
    writeAll(fd, bytes);
    const synced = syncAndClose(fd);
    const commit = async () => {
      await synced;
      renameSync(last, place);
      fsyncSync(job.directoryFd);
      // What a supervisor was writing when it was killed.
      rmSync(join(directory, NEXT), { force: true });
    };
    return {
      commit: () =>
        commit().catch((error: unknown) => {
          throw cannotWrite(job, error);
        }),
    };
  } catch (error) {
    throw cannotWrite(job, error);
  }
}

/** The record as bytes. One of a newer schema is never rewritten. */
function encodeOwn(job: JobHandle, record: JobRecord): Uint8Array {
  if (record.uuid !== job.id) throw new TypeError(`record of ${record.uuid} for job ${job.id}`);
  if (isNewerRecord(record)) {
    throw new RnxError(`the record of job ${shortId(job.id)} was written by a newer rnx`);
  }
  return Buffer.from(encodeRecord(record));
}

function cannotWrite(job: JobHandle, cause: unknown): RnxError {
  return new RnxError(`cannot write the record of job ${shortId(job.id)}`, { cause });
}

function syncAndClose(fd: number): Promise<void> {
  const synced = new Promise<void>((resolve, reject) => {
    fsync(fd, (error) => {
      closeSync(fd);
      if (error === null) resolve();
      else reject(error);
    });
  });
  // Whoever gives the record up does not ask.
  synced.catch(() => {});
  return synced;
}

function writeFile(path: string, bytes: Uint8Array, durable: boolean): void {
  const fd = openForWriting(path);
  try {
    writeAll(fd, bytes);
    if (durable) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Opens a file of mode 0600 whatever the umask. Not truncated: one that is there keeps its blocks. */
function openForWriting(path: string): number {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  fchmodSync(fd, 0o600);
  return fd;
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += writeSync(fd, bytes, written, bytes.length - written, written);
  }
  ftruncateSync(fd, bytes.length);
}

/**
 * Makes a directory and locks it. Whoever clears away what a killed rnx left may see it before it is locked: then it
 * is gone, or locked by the other, and is made again.
 */
function makeLockedDirectory(path: string): Lock {
  for (let attempt = 0; attempt < 100; attempt++) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const lock = lockDirectory(path, "exclusive", GLANCE_MS);
    if (lock !== undefined && isAt(path, lock)) {
      chmodSync(path, 0o700);
      return lock;
    }
    lock?.release();
  }
  throw new RnxError(`cannot lock ${path}`);
}

/** Undefined when the lock is held by somebody for longer than `timeoutMs`, or nothing is there to lock. */
function lockDirectory(path: string, kind: LockKind, timeoutMs: number): Lock | undefined {
  try {
    return lockWithin(path, kind, timeoutMs);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether the path still leads to what is locked: it may have been removed, and made again, before the lock. */
function isAt(path: string, lock: Lock): boolean {
  const there = statSync(path, { throwIfNoEntry: false, bigint: true });
  const locked = fstatSync(lock.fd, { bigint: true });
  return there !== undefined && there.ino === locked.ino && there.dev === locked.dev;
}

function makeHandle(id: string, lock: Lock): JobHandle {
  return {
    id,
    paths: getJobPaths(id),
    directoryFd: lock.fd,
    close: () => lock.release(),
    [Symbol.dispose]: () => lock.release(),
  };
}

function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
