import { formatCpuList } from "../units.ts";
import type { CgroupHost, Controller } from "./hierarchy.ts";
import { mendMissingController } from "./mend.ts";

/** What a job may use at most; absent = no limit. */
export interface Limits {
  /** 100 is one core. */
  readonly cpuPercent?: number;
  readonly memoryBytes?: number;
  readonly ioBytesPerSecond?: number;
  readonly cpuCores?: readonly number[];
  readonly maxPids?: number;
}

export type LimitFlag = "--max-cpu" | "--max-memory" | "--max-iobps" | "--cpu-cores" | "--max-pids";

/** What I/O can be limited on: the whole disk as MAJ:MIN, or the file system that has none below it. */
export type DiskBelow = { readonly device: string } | { readonly fileSystem: string };

/** What the limits of one job need to know of the host; see readLimitFacts. */
export interface LimitFacts {
  readonly disk?: DiskBelow;
}

/** One write to a cgroup, and how to tell that it holds. */
export interface CgroupFile<Setting extends string = LimitFlag> {
  readonly controller: Controller;
  readonly version: 1 | 2;
  /** What asked for it: a flag, or a key of rnx.yml. */
  readonly setting: Setting;
  readonly file: string;
  readonly value: string;
  /** The file that shows what holds; it has to read `expected`. */
  readonly readFrom: string;
  readonly expected: string;
  /** A number of bytes, which the kernel rounds down to its pages. */
  readonly isRounded: boolean;
  /** The swap files: a kernel without swap accounting lacks them. */
  readonly mayBeAbsent: boolean;
}

/** A limit that this host cannot hold, and what would mend it. */
export interface Unsupported {
  readonly flag: LimitFlag;
  readonly controller: Controller;
  readonly reason: string;
  readonly mend: string;
}

export interface LimitPlan {
  /** In the order they have to be written. */
  readonly files: readonly CgroupFile[];
  readonly unsupported: readonly Unsupported[];
}

const CPU_PERIOD_USEC = 100_000;
/** The kernel refuses less. */
const CPU_QUOTA_MIN_USEC = 1000;

/**
 * The files that hold the limits on this host. Pure. Every value is made from numbers, never from a user's text: the
 * kernel reads "16E" and "" as 0.
 */
export function planLimits(limits: Limits, host: CgroupHost, facts: LimitFacts): LimitPlan {
  const files: CgroupFile[] = [];
  const unsupported: Unsupported[] = [];
  const add = (flag: LimitFlag, controller: Controller, write: (version: 1 | 2) => readonly Write[]) => {
    const home = host.controllers[controller];
    if (home === undefined) return void unsupported.push(missingController(flag, controller, host));
    files.push(...write(home.version).map((one) => complete(one, flag, controller, home.version)));
  };
  const { memoryBytes, cpuPercent, cpuCores, maxPids, ioBytesPerSecond } = limits;
  if (memoryBytes !== undefined)
    add("--max-memory", "memory", (version) => memoryWrites(version, memoryBytes));
  if (cpuPercent !== undefined) add("--max-cpu", "cpu", (version) => cpuWrites(version, cpuPercent));
  if (cpuCores !== undefined) add("--cpu-cores", "cpuset", (version) => coreWrites(version, cpuCores));
  if (maxPids !== undefined) add("--max-pids", "pids", () => [{ file: "pids.max", value: decimal(maxPids) }]);
  if (ioBytesPerSecond !== undefined) {
    const { disk } = facts;
    if (disk !== undefined && "fileSystem" in disk) unsupported.push(missingDisk(disk.fileSystem));
    else add("--max-iobps", "io", (version) => ioWrites(version, disk?.device, ioBytesPerSecond));
  }
  return { files, unsupported };
}

/** What all jobs together may use. */
export interface Ceiling {
  readonly memoryBytes: number;
  readonly processes: number;
}

export type CeilingKey = "ceiling.memory_percent" | "ceiling.processes_percent";

/** The files of the whole tree's limits; a controller that is nowhere gives none. */
export function planCeiling(ceiling: Ceiling, host: CgroupHost): readonly CgroupFile<CeilingKey>[] {
  const { memory, pids } = host.controllers;
  const bytes = decimal(ceiling.memoryBytes);
  const memoryFile = {
    file: memory?.version === 1 ? "memory.limit_in_bytes" : "memory.max",
    value: bytes,
    isRounded: true,
  };
  const pidsFile = { file: "pids.max", value: decimal(ceiling.processes) };
  return [
    ...(memory ? [complete(memoryFile, "ceiling.memory_percent", "memory", memory.version)] : []),
    ...(pids ? [complete(pidsFile, "ceiling.processes_percent", "pids", pids.version)] : []),
  ];
}

/** A file and its value; the rest only where it differs from what holds for most files. */
type Write = Pick<CgroupFile, "file" | "value"> &
  Partial<Pick<CgroupFile, "readFrom" | "expected" | "isRounded" | "mayBeAbsent">>;

function complete<Setting extends string>(
  write: Write,
  setting: Setting,
  controller: Controller,
  version: 1 | 2,
): CgroupFile<Setting> {
  const defaults = { readFrom: write.file, expected: write.value, isRounded: false, mayBeAbsent: false };
  return { ...defaults, ...write, setting, controller, version };
}

function memoryWrites(version: 1 | 2, memoryBytes: number): readonly Write[] {
  const limit = { value: decimal(memoryBytes), isRounded: true };
  if (version === 1) {
    // memsw counts memory and swap, and may never be the smaller of the two: it comes second.
    return [
      { file: "memory.limit_in_bytes", ...limit },
      { file: "memory.memsw.limit_in_bytes", ...limit, mayBeAbsent: true },
    ];
  }
  return [
    { file: "memory.max", ...limit },
    { file: "memory.swap.max", value: "0", mayBeAbsent: true },
    { file: "memory.oom.group", value: "1" },
  ];
}

function cpuWrites(version: 1 | 2, cpuPercent: number): readonly Write[] {
  const quota = decimal(Math.max(Math.round((cpuPercent / 100) * CPU_PERIOD_USEC), CPU_QUOTA_MIN_USEC));
  const period = decimal(CPU_PERIOD_USEC);
  if (version === 2) return [{ file: "cpu.max", value: `${quota} ${period}` }];
  return [
    { file: "cpu.cfs_period_us", value: period },
    { file: "cpu.cfs_quota_us", value: quota },
  ];
}

function coreWrites(version: 1 | 2, cpuCores: readonly number[]): readonly Write[] {
  // Without cores of the list online the kernel falls back to the parent's: what is effective tells.
  const readFrom = version === 2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus";
  return [{ file: "cpuset.cpus", value: formatCores(cpuCores), readFrom }];
}

function ioWrites(version: 1 | 2, device: string | undefined, bytesPerSecond: number): readonly Write[] {
  if (device === undefined) throw new TypeError("a limit of I/O needs to know the disk");
  const rate = decimal(bytesPerSecond);
  if (version === 2) {
    const value = `${device} rbps=${rate} wbps=${rate}`;
    return [{ file: "io.max", value, expected: `${value} riops=max wiops=max` }];
  }
  return [
    { file: "blkio.throttle.read_bps_device", value: `${device} ${rate}` },
    { file: "blkio.throttle.write_bps_device", value: `${device} ${rate}` },
  ];
}

/** Sorted and each once, as the kernel prints the list back. */
function formatCores(cores: readonly number[]): string {
  if (cores.length === 0) throw new TypeError("an empty list of cores would mean all of them");
  const sorted = [...new Set(cores)].sort((a, b) => a - b);
  sorted.forEach(decimal);
  return formatCpuList(sorted);
}

/** Only what the kernel reads as the same number: NaN, fractions, signs and exponents would store something else. */
function decimal(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new TypeError(`not a value for a cgroup file: ${value}`);
  return String(value);
}

function missingController(flag: LimitFlag, controller: Controller, host: CgroupHost): Unsupported {
  const reason = `no cgroup hierarchy of this host has the ${controller} controller`;
  return { flag, controller, reason, mend: mendMissingController(controller, host) };
}

function missingDisk(fileSystem: string): Unsupported {
  return {
    flag: "--max-iobps",
    controller: "io",
    reason: `the job's files are on ${fileSystem}, which has no disk of its own to limit`,
    mend: "set RNX_HOME to a directory on a disk, or leave --max-iobps out",
  };
}
