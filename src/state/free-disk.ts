import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { errorCode, StartError } from "../errors.ts";
import { formatSize } from "../units.ts";

/** How much of a disk jobs leave free: this share of its size, but no more than `maxBytes`. */
export interface MinimumFree {
  readonly percent: number;
  readonly maxBytes: number;
}

/** Refuses to start a job when the disk below `path` (or below its nearest existing parent) is nearly full. */
export function requireFreeDisk(path: string, { percent, maxBytes }: MinimumFree): void {
  const { bsize, blocks, bavail } = statNearest(path);
  const needed = Math.min((blocks * bsize * percent) / 100, maxBytes);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new StartError(
    `the disk below ${path} is nearly full: ${formatSize(free)} free, ${formatSize(needed)} needed`,
    { hint: "rnx job delete-all frees what finished jobs keep; min_free in rnx.yml sets the limit" },
  );
}

function statNearest(path: string): { bsize: number; blocks: number; bavail: number } {
  try {
    return statfsSync(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT" || path === dirname(path)) throw error;
    return statNearest(dirname(path));
  }
}
