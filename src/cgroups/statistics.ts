import { findKernelFile, findKeyed } from "./files.ts";
import { type Cgroup, findDirectory } from "./group.ts";
import type { Controller } from "./hierarchy.ts";

/** What a job has used so far; null where this host does not count it, never a guess. */
export interface Metrics {
  readonly cpuUsec: number | null;
  readonly memoryPeak: number | null;
  readonly ioReadBytes: number | null;
  readonly ioWriteBytes: number | null;
  readonly pidsPeak: number | null;
}

/**
 * Reads a cgroup's counters, before it is removed. I/O on cgroup v1 is counted for jobs with --max-iobps alone: only
 * they are in a blkio group, and even there buffered writes are not seen.
 */
export function readMetrics(cgroup: Cgroup): Metrics {
  const io = readIo(cgroup);
  return {
    // Every v2 group counts CPU time, whether or not it has the cpu controller.
    cpuUsec: findKeyed(findKernelFile(`${cgroup.path}/cpu.stat`), "usage_usec") ?? null,
    memoryPeak: toNumber(readFile(cgroup, "memory", { v1: "memory.max_usage_in_bytes", v2: "memory.peak" })),
    ioReadBytes: io?.readBytes ?? null,
    ioWriteBytes: io?.writeBytes ?? null,
    pidsPeak: toNumber(readFile(cgroup, "pids", { v1: "pids.peak", v2: "pids.peak" })),
  };
}

/**
 * How many processes the kernel has killed for want of memory. On v2 that ends the whole job (memory.oom.group). v1
 * kills one process: its supervisor asks this at an interval (one file, 10 microseconds) and kills the job itself.
 */
export function readOomKills(cgroup: Cgroup): number {
  const text = readFile(cgroup, "memory", { v1: "memory.oom_control", v2: "memory.events" });
  return findKeyed(text, "oom_kill") ?? 0;
}

/** Whether the job met its own memory limit: if not, an OOM kill came from the tree's limit or the host's memory. */
export function hasMetMemoryLimit(cgroup: Cgroup): boolean {
  const { memory } = cgroup.host.controllers;
  if (memory?.version === 2)
    return (findKeyed(findKernelFile(`${cgroup.path}/memory.events`), "oom") ?? 0) > 0;
  // No counter tells on v1 (failcnt stays 0 where the limit with swap is met), but the peak comes close to the limit.
  const read = (file: string) => Number(readFile(cgroup, "memory", { v1: file, v2: file }) ?? NaN);
  return [MEMORY_AND_SWAP, MEMORY].some(({ peak, limit }) => read(peak) > read(limit) - LARGEST_CHARGE_BYTES);
}

const MEMORY_AND_SWAP = { peak: "memory.memsw.max_usage_in_bytes", limit: "memory.memsw.limit_in_bytes" };
const MEMORY = { peak: "memory.max_usage_in_bytes", limit: "memory.limit_in_bytes" };
/** What one allocation asks for at most without an attempt at less. */
const LARGEST_CHARGE_BYTES = 2 ** 20;

/** How many forks failed at pids.max. */
export function readPidsLimitHits(cgroup: Cgroup): number {
  return findKeyed(readFile(cgroup, "pids", { v1: "pids.events", v2: "pids.events" }), "max") ?? 0;
}

/** Undefined when the host has no such controller, the job no such group, or the kernel no such file. */
function readFile(
  { host, id, directories }: Cgroup,
  controller: Controller,
  names: { readonly v1: string; readonly v2: string },
): string | undefined {
  const directory = findDirectory(host, id, controller);
  if (directory === undefined || !directories.includes(directory)) return undefined;
  return findKernelFile(`${directory}/${host.controllers[controller]?.version === 1 ? names.v1 : names.v2}`);
}

function toNumber(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}

interface IoBytes {
  readonly readBytes: number;
  readonly writeBytes: number;
}

function readIo(cgroup: Cgroup): IoBytes | undefined {
  const text = readFile(cgroup, "io", { v1: "blkio.throttle.io_service_bytes_recursive", v2: "io.stat" });
  if (text === undefined) return undefined;
  return cgroup.host.controllers.io?.version === 1 ? parseBlkioBytes(text) : parseIoStat(text);
}

/** Sums the devices of an io.stat: "254:0 rbytes=4096 wbytes=0 rios=1 ...". */
export function parseIoStat(text: string): IoBytes {
  const words = text.split("\n").flatMap((line) => line.split(" "));
  return { readBytes: sumAfter("rbytes=", words), writeBytes: sumAfter("wbytes=", words) };
}

/** Sums the devices of a blkio file: "254:0 Read 4096", "254:0 Write 0" ... "Total 4096". */
export function parseBlkioBytes(text: string): IoBytes {
  const entries = text.split("\n").map((line) => line.slice(line.indexOf(" ") + 1));
  return { readBytes: sumAfter("Read ", entries), writeBytes: sumAfter("Write ", entries) };
}

function sumAfter(prefix: string, entries: readonly string[]): number {
  const matching = entries.filter((entry) => entry.startsWith(prefix));
  return matching.reduce((total, entry) => total + Number(entry.slice(prefix.length)), 0);
}
