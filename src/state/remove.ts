import { readdirSync, readFileSync, realpathSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { errorCode, RnxError } from "../errors.ts";
import { hasHome } from "./home.ts";
import { shortId } from "./ids.ts";
import { GLANCE_MS, lockWithin, tryLock } from "./lock.ts";
import { getJobPaths, getJobsDirectory, GONE_PREFIX, NEW_PREFIX } from "./paths.ts";

/**
 * Removes a job and all it left. "running" when it has a supervisor, "absent" when there is no such job or somebody
 * else is removing it. Throws RnxError when something is mounted below it, or it cannot be removed.
 */
export function removeJob(id: string): "removed" | "running" | "absent" {
  const { directory } = getJobPaths(id);
  const gone = join(getJobsDirectory(), GONE_PREFIX + id);
  try {
    // Shared, so that two who remove the same job do not take each other for its supervisor.
    using lock = lockWithin(directory, "shared", GLANCE_MS);
    if (lock === undefined) return "running";
    requireNoMountIn(directory);
    renameSync(directory, gone);
    removeTree(gone);
    return "removed";
  } catch (error) {
    if (error instanceof RnxError) throw error;
    if (errorCode(error) === "ENOENT") return "absent";
    throw new RnxError(`cannot remove job ${shortId(id)}`, { cause: error });
  }
}

/**
 * Removes what an rnx that was killed while it made or removed a job has left. Returns what is wrong with those that
 * cannot be removed.
 */
export function removeStaleDirectories(): readonly string[] {
  if (!hasHome()) return [];
  const jobs = getJobsDirectory();
  return readdirSync(jobs)
    .filter((name) => name.startsWith(NEW_PREFIX) || name.startsWith(GONE_PREFIX))
    .flatMap((name) => removeStale(join(jobs, name)) ?? []);
}

function removeStale(path: string): string | undefined {
  try {
    // Undefined while somebody works on it.
    using lock = tryLock(path, "exclusive");
    if (lock !== undefined) removeTree(path);
  } catch (error) {
    return errorCode(error) === "ENOENT" || !(error instanceof Error) ? undefined : error.message;
  }
  return undefined;
}

/**
 * Removes a tree that a job may have written: names of any bytes, any depth, links that lead anywhere (none is
 * followed). Nobody may be writing to it any more. Nothing there: nothing is done. Throws RnxError, too when something
 * is mounted in it.
 *
 * Each directory met is first moved to the top under a name that cannot be there, so paths stay short and the work
 * linear: node:fs.rmSync takes minutes for 5,000 levels.
 */
export function removeTree(path: string): void {
  const prefix = `${path}/.${crypto.randomUUID()}-`;
  const pending = [path];
  let moved = 0;
  try {
    if (removeLeaf(Buffer.from(path))) return;
    requireNoMountIn(path);
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      const start = Buffer.from(`${directory}/`);
      for (const name of readdirSync(directory, "buffer")) {
        const entry = Buffer.concat([start, name]);
        if (removeLeaf(entry)) continue;
        const top = `${prefix}${moved++}`;
        renameSync(entry, top);
        pending.push(top);
      }
      if (directory !== path) rmdirSync(directory);
    }
    rmdirSync(path);
  } catch (error) {
    throw error instanceof RnxError ? error : new RnxError(`cannot remove ${path}`, { cause: error });
  }
}

/** Removes what is no directory, or an empty one. False when there is more to do. */
function removeLeaf(path: Buffer): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return true;
    if (errorCode(error) !== "EISDIR") throw error;
  }
  try {
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Throws RnxError when something is mounted at or below the directory: a removal would go on inside it. */
function requireNoMountIn(directory: string): void {
  // As proc_pid_mountinfo(5) writes paths: without links, some characters in octal.
  const escaped = realpathSync(directory).replace(
    /[ \t\n\\]/g,
    (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  const mountPoint = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ", 5)[4])
    .find((point) => point === escaped || point?.startsWith(`${escaped}/`));
  if (mountPoint !== undefined) {
    throw new RnxError(`${mountPoint} is still mounted`, { hint: `umount ${mountPoint}` });
  }
}
