import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Where a job's limits really are, read from the kernel: the tests' own knowledge of cgroups, which must not come
 * from the code that is tested. Version 2 or 1, wherever this host has the controller.
 */

export type Controller = "cpu" | "cpuset" | "memory" | "pids" | "io";

export interface ControllerPlace {
  readonly version: 1 | 2;
  readonly mount: string;
}

/** The cgroup2 mount: on a hybrid host not the one with the limits, but the one that has every process of a job. */
export const UNIFIED = findMounts("cgroup2")[0]?.mount ?? "no cgroup2 mount";

/** Where a controller sits on this host; undefined when it is nowhere. */
export function findController(controller: Controller): ControllerPlace | undefined {
  const inUnified = readFileSync(join(UNIFIED, "cgroup.controllers"), "utf8").trim().split(" ");
  if (inUnified.includes(controller)) return { version: 2, mount: UNIFIED };
  const name = controller === "io" ? "blkio" : controller;
  const legacy = findMounts("cgroup").find(({ options }) => options.includes(name));
  return legacy && { version: 1, mount: legacy.mount };
}

/** The version that a controller has on this host. Throws when it is nowhere. */
export function versionOf(controller: Controller): 1 | 2 {
  return placeOf(controller).version;
}

/** A file of a job's cgroup, without the last newline; of the whole tree's without an id. Throws when it is absent. */
export function readGroupFile(
  controller: Controller,
  names: { readonly v1: string; readonly v2: string },
  id = "",
): string {
  const { version, mount } = placeOf(controller);
  return readFileSync(join(mount, "joblet", id, version === 1 ? names.v1 : names.v2), "utf8").trim();
}

/** How each limit of a running job is read, in the spelling of cgroup v2. Throws where the job has no such group. */
export const readLimit = {
  memory: (id: string) => readGroupFile("memory", { v1: "memory.limit_in_bytes", v2: "memory.max" }, id),
  swap: readSwap,
  cpu: readCpu,
  cores: (id: string) =>
    readGroupFile("cpuset", { v1: "cpuset.effective_cpus", v2: "cpuset.cpus.effective" }, id),
  pids: (id: string) => readGroupFile("pids", both("pids.max"), id),
} as const;

function readCpu(id: string): string {
  if (versionOf("cpu") === 2) return readGroupFile("cpu", both("cpu.max"), id);
  const files = ["cpu.cfs_quota_us", "cpu.cfs_period_us"];
  return files.map((name) => readGroupFile("cpu", both(name), id)).join(" ");
}

/** Swap beyond the memory limit; "0" too on a kernel that does not count swap, and so has no file for it. */
function readSwap(id: string): string {
  try {
    if (versionOf("memory") === 2) return readGroupFile("memory", both("memory.swap.max"), id);
    const memory = readGroupFile("memory", both("memory.limit_in_bytes"), id);
    return String(Number(readGroupFile("memory", both("memory.memsw.limit_in_bytes"), id)) - Number(memory));
  } catch {
    return "0";
  }
}

/** The processes of a job, PID 1 of its sandbox among them; none once its cgroup is gone. */
export function listPids(id: string): number[] {
  try {
    return readFileSync(join(UNIFIED, "joblet", id, "cgroup.procs"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map(Number);
  } catch {
    return [];
  }
}

/** PID 1 of a job's pid namespace: the child of its supervisor that is one. It is in no cgroup of the job's. */
export function findPidOne(supervisor: number): number {
  const children = readFileSync(`/proc/${supervisor}/task/${supervisor}/children`, "latin1")
    .trim()
    .split(" ");
  const found = children.map(Number).find(isPidOne);
  if (found === undefined)
    throw new Error(`no PID 1 among the children of ${supervisor}: ${children.join(" ")}`);
  return found;
}

function isPidOne(pid: number): boolean {
  return /^NSpid:.*\s1$/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
}

/** The cgroup of a process where the controller sits, as the kernel shows it: "/joblet/ID". */
export function groupOf(pid: number, controller: Controller): string | undefined {
  const name = controller === "io" ? "blkio" : controller;
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const [, , path] =
    lines
      .map((line) => line.split(":"))
      .find(([, names = ""]) =>
        versionOf(controller) === 2 ? names === "" : names.split(",").includes(name),
      ) ?? [];
  return path;
}

function both(name: string): { v1: string; v2: string } {
  return { v1: name, v2: name };
}

function placeOf(controller: Controller): ControllerPlace {
  const place = findController(controller);
  if (place === undefined) throw new Error(`no hierarchy of this host has the ${controller} controller`);
  return place;
}

function findMounts(fileSystem: string): { mount: string; options: string[] }[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , type]) => type === fileSystem)
    .map(([, mount = "", , options = ""]) => ({ mount, options: options.split(",") }));
}
