import { readFileSync, statSync } from "node:fs";
import { findKernelFile } from "./files.ts";
import { formatDevice, type Mount, parseMounts } from "./mountinfo.ts";

/**
 * Where the controllers are. A *unified* host has them all on one cgroup2 mount. A *hybrid* host has a cgroup2 mount
 * beside v1 hierarchies, one directory tree for each controller or set of them, and a controller belongs to one
 * version at a time. The v2 tree tracks, freezes and kills a job on both; a limit is written where its controller
 * sits. Jobs live in joblet/ID of each hierarchy they need: the tree in between has its controllers written into
 * its own cgroup.subtree_control, and so keeps them when systemd turns off what it does not know in the root's.
 * See Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 */

/** The name of the cgroup that holds all jobs. */
export const TREE = "joblet";

export type Controller = "cpu" | "cpuset" | "memory" | "pids" | "io";

export interface ControllerHome {
  readonly version: 1 | 2;
  /** The mount point of the hierarchy. */
  readonly mount: string;
}

export interface CgroupHost {
  /** none: no cgroup2 mount, so nothing can be tracked or killed as a whole. */
  readonly mode: "unified" | "hybrid" | "none";
  /** The mount point of cgroup2. */
  readonly unified?: string;
  readonly controllers: Readonly<Record<Controller, ControllerHome | undefined>>;
}

/** How v1 spells the controllers, in mount options. */
export const V1_NAMES: Readonly<Record<Controller, string>> = {
  cpu: "cpu",
  cpuset: "cpuset",
  memory: "memory",
  pids: "pids",
  io: "blkio",
};

/** All controllers, in the order people are shown them. */
export const CONTROLLERS: readonly Controller[] = ["cpu", "cpuset", "memory", "pids", "io"];

/** Reads this host's hierarchies; costs two files and a stat for each. */
export function readCgroupHost(): CgroupHost {
  const mounts = parseCgroupMounts(readFileSync("/proc/self/mountinfo", "utf8")).filter(isReachable);
  const unified = mounts.find(isUnified);
  const available = unified && findKernelFile(`${unified.mountPoint}/cgroup.controllers`);
  return describeCgroupHost(mounts, available ?? "");
}

/** The cgroup mounts of a mountinfo text, those that show a whole hierarchy first. */
export function parseCgroupMounts(mountinfo: string): readonly Mount[] {
  const mounts = parseMounts(mountinfo, "cgroup");
  return [...mounts.filter((mount) => mount.root === "/"), ...mounts.filter((mount) => mount.root !== "/")];
}

/** Which controller sits where, given the mounts and the cgroup2 root's cgroup.controllers. */
export function describeCgroupHost(mounts: readonly Mount[], available: string): CgroupHost {
  const unified = mounts.find(isUnified);
  const inUnified = new Set(available.split(" "));
  const find = (controller: Controller): ControllerHome | undefined => {
    if (unified && inUnified.has(controller)) return { version: 2, mount: unified.mountPoint };
    const name = V1_NAMES[controller];
    const legacy = mounts.find((mount) => !isUnified(mount) && mount.superOptions.includes(name));
    return legacy && { version: 1, mount: legacy.mountPoint };
  };
  const controllers = {
    cpu: find("cpu"),
    cpuset: find("cpuset"),
    memory: find("memory"),
    pids: find("pids"),
    io: find("io"),
  };
  if (unified === undefined) return { mode: "none", controllers };
  const isHybrid = CONTROLLERS.some((controller) => controllers[controller]?.version === 1);
  return { mode: isHybrid ? "hybrid" : "unified", unified: unified.mountPoint, controllers };
}

function isUnified(mount: Mount): boolean {
  return mount.fileSystem === "cgroup2";
}

/** False when another mount covers this one, or something above it. */
function isReachable(mount: Mount): boolean {
  const found = statSync(mount.mountPoint, { throwIfNoEntry: false });
  return found !== undefined && formatDevice(found.dev) === mount.device;
}
