import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Identity } from "../sandbox/identity.ts";
import type { GeneratedFile } from "../sandbox/rootfs.ts";
import type { JobPaths } from "../state/paths.ts";
import { removeTree } from "../state/remove.ts";

/** Makes the directories a launch needs; those whose contents are the job's own belong to its root. */
export function makeJobDirectories(paths: JobPaths, identity: Identity): void {
  for (const path of [paths.root, paths.lower, paths.overlay]) mkdirSync(path, { mode: 0o700 });
  for (const path of [paths.work, paths.upper]) makeOwned(path, identity);
}

/** Puts files into the upper layer of an overlay, where they stand before whatever the runtime has there. */
export function writeUpperFiles(paths: JobPaths, files: readonly GeneratedFile[], identity: Identity): void {
  const made = new Set<string>();
  for (const { path, text } of files) {
    const directory = paths.upper + dirname(path);
    if (!made.has(directory)) makeOwned(directory, identity);
    made.add(directory);
    writeFileSync(paths.upper + path, text, { mode: 0o644, flag: "wx" });
    chmodSync(paths.upper + path, 0o644);
    chownSync(paths.upper + path, identity.firstId, identity.firstId);
  }
}

/** Removes all that makeJobDirectories made, and what the job has put there. */
export function removeJobDirectories(paths: JobPaths): void {
  for (const path of [paths.root, paths.lower, paths.overlay, paths.work, paths.upper]) removeTree(path);
}

function makeOwned(path: string, { firstId }: Identity): void {
  mkdirSync(path);
  chmodSync(path, 0o755);
  chownSync(path, firstId, firstId);
}
