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
 * Reads a cgroup's counters; before it is removed. I/O on cgroup v1 is counted only for a job with --max-iobps,
 * the only one that is in a blkio group, and there without buffered writes.
 */
export function readMetrics(cgroup: Cgroup): Metrics {
  const io = readIo(cgroup);
  return {
    // Every v2 group counts CPU time, whether or not it has the cpu controller.
    cpuUsec: findKeyed(findKernelFile(`${cgroup.path}/cpu.stat`), "usage_usec") ?? null,
    memoryPeak: readNumber(cgroup, "memory", { 1: "memory.max_usage_in_bytes", 2: "memory.peak" }),
    ioReadBytes: io?.readBytes ?? null,
    ioWriteBytes: io?.writeBytes ?? null,
    pidsPeak: readNumber(cgroup, "pids", { 1: "pids.peak", 2: "pids.peak" }),
  };
}

/**
 * How many processes the kernel has killed for want of memory. On v2 that ends the whole job (memory.oom.group). v1
 * kills one process: its supervisor asks this at an interval (one file, 10 microseconds) and kills the job itself.
 */
export function readOomKills(cgroup: Cgroup): number {
  const text = readFile(cgroup, "memory", { 1: "memory.oom_control", 2: "memory.events" });
  return findKeyed(text, "oom_kill") ?? 0;
}

/** Whether the job met its own memory limit: if not, an OOM kill came from the tree's limit or the host's memory. */
export function hasMetMemoryLimit(cgroup: Cgroup): boolean {
  if (cgroup.host.controllers.memory?.version === 1) {
    return Number(readFile(cgroup, "memory", { 1: "memory.failcnt", 2: "" }) ?? 0) > 0;
  }
  return (findKeyed(findKernelFile(`${cgroup.path}/memory.events`), "max") ?? 0) > 0;
}

/** How many forks failed at pids.max. */
export function readPidsLimitHits(cgroup: Cgroup): number {
  return findKeyed(readFile(cgroup, "pids", { 1: "pids.events", 2: "pids.events" }), "max") ?? 0;
}

type FileNames = Readonly<Record<1 | 2, string>>;

function readFile(cgroup: Cgroup, controller: Controller, names: FileNames): string | undefined {
  const home = cgroup.host.controllers[controller];
  const directory = findDirectory(cgroup.host, cgroup.id, controller);
  return home && findKernelFile(`${directory}/${names[home.version]}`);
}

function readNumber(cgroup: Cgroup, controller: Controller, names: FileNames): number | null {
  const text = readFile(cgroup, controller, names);
  return text === undefined ? null : Number(text);
}

interface IoBytes {
  readonly readBytes: number;
  readonly writeBytes: number;
}

function readIo(cgroup: Cgroup): IoBytes | undefined {
  const text = readFile(cgroup, "io", { 1: "blkio.throttle.io_service_bytes_recursive", 2: "io.stat" });
  if (text === undefined) return undefined;
  const isV1 = cgroup.host.controllers.io?.version === 1;
  return isV1 ? parseBlkioBytes(text) : parseIoStat(text);
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
