import { readFileSync } from "node:fs";
import { findDiskBelow } from "./disk.ts";
import { findKernelFile } from "./files.ts";
import type { CgroupHost } from "./hierarchy.ts";
import type { Ceiling, LimitFacts, Limits } from "./limits.ts";

/** What these limits need to know of the host, and no more. `path` is where the job's files will be. */
export function readLimitFacts(limits: Limits, host: CgroupHost, path: string): LimitFacts {
  const needsDisk = limits.ioBytesPerSecond !== undefined && host.controllers.io !== undefined;
  return needsDisk ? { disk: findDiskBelow(path) } : {};
}

/** How much of the host all jobs together may use. */
export interface CeilingShare {
  readonly memoryPercent: number;
  readonly processesPercent: number;
}

/** The share of the host's memory, in bytes, and of the smaller of kernel.pid_max and kernel.threads-max. */
export function readCeiling(share: CeilingShare): Ceiling {
  // The first line: "MemTotal:       24684084 kB".
  const [, total] = readFileSync("/proc/meminfo", "latin1").split("MemTotal:");
  const totalKib = parseInt(total ?? "", 10);
  const processes = Math.min(
    readNumber("/proc/sys/kernel/pid_max"),
    readNumber("/proc/sys/kernel/threads-max"),
  );
  return {
    memoryBytes: Math.floor((totalKib * 1024 * share.memoryPercent) / 100),
    processes: Math.floor((processes * share.processesPercent) / 100),
  };
}

/** Whether this host swaps at all. */
export function hasSwap(): boolean {
  // A heading, then a line for each swap area.
  return findKernelFile("/proc/swaps")?.includes("\n") ?? false;
}

function readNumber(path: string): number {
  return Number(readFileSync(path, "latin1"));
}
