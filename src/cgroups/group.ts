import { constants, existsSync, openSync, readdirSync, rmdirSync } from "node:fs";
import { StartError } from "../errors.ts";
import { applyLimit, type IsOptional } from "./apply.ts";
import { isGone } from "./files.ts";
import { type CgroupHost, type Controller, CONTROLLERS, TREE } from "./hierarchy.ts";
import type { CgroupFile } from "./limits.ts";
import { ensureTree, getUnified, makeGroup, prepareCpuset } from "./tree.ts";

/** The cgroup of one job: a directory of the v2 tree and, on a hybrid host, one in each v1 hierarchy it needs. */
export interface Cgroup {
  readonly host: CgroupHost;
  readonly id: string;
  /** The v2 directory: what is tracked, frozen and killed. */
  readonly path: string;
  /** All directories, the v2 one first. */
  readonly directories: readonly string[];
}

/** A cgroup that waits for its first process. */
export interface NewCgroup extends Cgroup {
  /** For CLONE_INTO_CGROUP: the caller's to close; close-on-exec. */
  readonly directoryFd: number;
  /**
   * The v1 files into which the first process writes "0" to enter. They are `tasks`, not cgroup.procs: to move one
   * thread the kernel (5.4) takes no global lock; with it each hierarchy cost 5 ms and more.
   */
  readonly joinFiles: readonly string[];
  readonly warnings: readonly string[];
}

/** Where the tree's limits have to hold for every job, and peaks are read; the other v1 groups only on demand. */
const ALWAYS_ENTERED: readonly Controller[] = ["memory", "pids"];

/**
 * Makes a job's cgroup in a prepared tree and writes its limits, each read back. A limit that does not hold is a
 * warning when it is optional; else StartError(125), and nothing is left.
 */
export function createCgroup(
  host: CgroupHost,
  id: string,
  limits: readonly CgroupFile[],
  isOptional: IsOptional,
): NewCgroup {
  const unified = getUnified(host);
  const directories: string[] = [];
  const make = (mount: string) => directories.push(makeGroup(mount, groupName(id), { mayExist: false }));
  try {
    make(unified);
    const prepared = listV1Mounts(host, ALWAYS_ENTERED);
    const onDemand = limits.flatMap((limit) => listV1Mounts(host, [limit.controller]));
    for (const mount of new Set([...prepared, ...onDemand])) {
      if (!prepared.includes(mount)) ensureTree(mount);
      if (mount === host.controllers.cpuset?.mount) prepareCpuset(mount);
      make(mount);
    }
    const warnings = limits.flatMap((limit) => applyUnlessOptional(limit, host, id, isOptional) ?? []);
    const [path = "", ...v1Directories] = directories;
    const directoryFd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    const joinFiles = v1Directories.map((directory) => `${directory}/tasks`);
    return { host, id, path, directories, directoryFd, joinFiles, warnings };
  } catch (error) {
    for (const directory of directories.reverse()) rmdirSync(directory);
    throw error;
  }
}

function applyUnlessOptional(
  limit: CgroupFile,
  host: CgroupHost,
  id: string,
  isOptional: IsOptional,
): string | undefined {
  try {
    return applyLimit(findDirectory(host, id, limit.controller) ?? "", limit, host);
  } catch (error) {
    if (error instanceof StartError && isOptional(limit.setting)) return error.message;
    throw error;
  }
}

/** The v1 hierarchies of these controllers, each once: several controllers may share one. */
function listV1Mounts(host: CgroupHost, controllers: readonly Controller[]): readonly string[] {
  const homes = controllers.map((controller) => host.controllers[controller]);
  return [...new Set(homes.flatMap((home) => (home?.version === 1 ? home.mount : [])))];
}

/** Where a job's cgroup is for this controller; undefined when no hierarchy has the controller. */
export function findDirectory(host: CgroupHost, id: string, controller: Controller): string | undefined {
  const home = host.controllers[controller];
  return home && `${home.mount}/${groupName(id)}`;
}

/** The cgroup of a job that was started before; undefined when no directory of it is left. */
export function findCgroup(host: CgroupHost, id: string): Cgroup | undefined {
  if (host.unified === undefined) return undefined;
  const mounts = [host.unified, ...listV1Mounts(host, CONTROLLERS)];
  const directories = mounts.map((mount) => `${mount}/${groupName(id)}`);
  if (!directories.some((directory) => existsSync(directory))) return undefined;
  return { host, id, path: `${host.unified}/${groupName(id)}`, directories };
}

/** The ids of all jobs that have a directory in any hierarchy, those of other RNX_HOMEs among them. */
export function listCgroups(host: CgroupHost): readonly string[] {
  const mounts = [...(host.unified === undefined ? [] : [host.unified]), ...listV1Mounts(host, CONTROLLERS)];
  return [...new Set(mounts.flatMap((mount) => listGroups(`${mount}/${TREE}`)))].sort();
}

function listGroups(directory: string): readonly string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function groupName(id: string): string {
  // The name of a directory, never a path out of the tree; the kernel's own files have a dot in their names.
  if (id === "" || id.includes("/") || id.includes(".")) throw new TypeError(`not the id of a job: "${id}"`);
  return `${TREE}/${id}`;
}
