import { mkdirSync } from "node:fs";
import { errorCode, StartError } from "../errors.ts";
import { applyLimit, holds } from "./apply.ts";
import { findKernelFile, triggerKernelFile } from "./files.ts";
import { type CgroupHost, type Controller, CONTROLLERS, TREE } from "./hierarchy.ts";
import { type Ceiling, type CeilingKey, type CgroupFile, planCeiling } from "./limits.ts";
import { MEND_NO_UNIFIED, mendReadOnly } from "./mend.ts";

/**
 * Makes the cgroup that holds all jobs, in the v2 tree and wherever memory and pids sit, with its controllers enabled
 * and the limits of the whole. What is already so is only read. Returns a warning for each default that this host
 * cannot enforce; throws StartError(125) when there is no cgroup v2 or the tree cannot be made.
 */
export function prepareTree(host: CgroupHost, ceiling: Ceiling): readonly string[] {
  const unified = getUnified(host);
  ensureTree(unified);
  const warnings = enableControllers(unified, host);
  const { memory, pids } = host.controllers;
  if (memory?.version === 1) ensureTree(memory.mount);
  if (pids?.version === 1) ensureTree(pids.mount);
  return [...warnings, ...planCeiling(ceiling, host).flatMap((limit) => applyCeiling(limit, host) ?? [])];
}

/** The mount point of cgroup2. Throws StartError(125) when there is none. */
export function getUnified(host: CgroupHost): string {
  if (host.unified !== undefined) return host.unified;
  throw new StartError("no cgroup v2 hierarchy is mounted", { hint: MEND_NO_UNIFIED });
}

/** Makes the tree's directory in a hierarchy unless it is there. */
export function ensureTree(mount: string): void {
  makeGroup(mount, TREE, { mayExist: true });
}

/** Makes a cgroup and returns its directory. Throws StartError(125). */
export function makeGroup(mount: string, group: string, options: { readonly mayExist: boolean }): string {
  const directory = `${mount}/${group}`;
  try {
    mkdirSync(directory);
  } catch (error) {
    const code = errorCode(error);
    if (code === "EEXIST" && options.mayExist) return directory;
    const hint = code === "EROFS" || code === "EACCES" ? mendReadOnly(mount) : undefined;
    throw new StartError(`cgroup not created: ${directory}: ${code}`, { hint, cause: error });
  }
  return directory;
}

/**
 * Hands the v2 controllers down, from the root to the tree and from the tree to its jobs. systemd turns a controller
 * that none of its units asks for off in the root's file at each daemon-reload, and with it every job's limit; it
 * cannot while a child, the tree, hands the controller down itself.
 */
function enableControllers(unified: string, host: CgroupHost): readonly string[] {
  const wanted = CONTROLLERS.filter((controller) => host.controllers[controller]?.version === 2);
  const tree = `${unified}/${TREE}`;
  if (listMissing(tree, wanted).length === 0) return [];
  const warnings = enableIn(unified, listMissing(unified, wanted));
  // What the root does not hand down is a warning once.
  const available = findKernelFile(`${tree}/cgroup.controllers`)?.split(" ") ?? [];
  const missing = listMissing(tree, wanted).filter((controller) => available.includes(controller));
  return [...warnings, ...enableIn(tree, missing)];
}

function listMissing(group: string, wanted: readonly Controller[]): readonly Controller[] {
  if (wanted.length === 0) return [];
  const enabled = findKernelFile(`${group}/cgroup.subtree_control`)?.split(" ") ?? [];
  return wanted.filter((controller) => !enabled.includes(controller));
}

/** One at a time: a line is taken as a whole or not at all, and real-time processes make the kernel refuse cpu alone. */
function enableIn(group: string, missing: readonly Controller[]): readonly string[] {
  return missing.flatMap((controller) => {
    try {
      triggerKernelFile(`${group}/cgroup.subtree_control`, `+${controller}`);
      return [];
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      return [`the ${controller} controller cannot be enabled below ${group}: ${code}`];
    }
  });
}

function applyCeiling(limit: CgroupFile<CeilingKey>, host: CgroupHost): string | undefined {
  const home = host.controllers[limit.controller];
  if (home === undefined) return undefined;
  const directory = `${home.mount}/${TREE}`;
  const found = findKernelFile(`${directory}/${limit.file}`);
  if (found !== undefined && holds(limit, found)) return undefined;
  try {
    return applyLimit(directory, limit, host);
  } catch (error) {
    if (error instanceof StartError) return error.message;
    throw error;
  }
}

/**
 * Gives the tree's v1 cpuset all cores and memory nodes of the root's, and hands them to new jobs. A v1 cpuset starts
 * with none, which nothing can enter; and one loses a core for good when that was offline for a while.
 */
export function prepareCpuset(mount: string): void {
  for (const file of ["cpuset.mems", "cpuset.cpus"]) {
    setUnlessEqual(`${mount}/${TREE}/${file}`, findKernelFile(`${mount}/${file}`) ?? "0");
  }
  setUnlessEqual(`${mount}/${TREE}/cgroup.clone_children`, "1");
}

function setUnlessEqual(path: string, value: string): void {
  if (findKernelFile(path) !== value) triggerKernelFile(path, value);
}
