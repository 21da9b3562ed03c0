import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Identity } from "../sandbox/identity.ts";
import type { GeneratedFile } from "../sandbox/rootfs.ts";
import { makePrivateDirectory } from "../state/home.ts";
import { type JobPaths, MOUNT_POINTS } from "../state/paths.ts";
import { removeTree } from "../state/remove.ts";

/** Makes the job's directory that becomes /work, and the mount points that all jobs share where they are missing. */
export function makeWorkDirectory(paths: JobPaths, identity: Identity): void {
  Object.values(MOUNT_POINTS).forEach(makePrivateDirectory);
  makeOwned(paths.work, identity);
}

/**
 * Makes the writable layer of a runtime's root. The files stand before whatever the runtime has at their paths, links
 * included, since the job's layer is above the runtime's.
 */
export function makeUpperLayer(paths: JobPaths, files: readonly GeneratedFile[], identity: Identity): void {
  mkdirSync(paths.overlay, { mode: 0o700 });
  makeOwned(paths.upper, identity);
  for (const directory of new Set(files.map(({ path }) => dirname(path)))) {
    makeOwned(paths.upper + directory, identity);
  }
  for (const { path, text } of files) {
    writeFileSync(paths.upper + path, text, { flag: "wx" });
    chmodSync(paths.upper + path, 0o644);
    chownSync(paths.upper + path, identity.firstId, identity.firstId);
  }
}

/** Removes what the job has written. Its processes have ended. */
export function removeJobDirectories(paths: JobPaths): void {
  for (const path of [paths.work, paths.upper, paths.overlay]) removeTree(path);
}

/** A directory of the job's root, whatever the umask. */
function makeOwned(path: string, { firstId }: Identity): void {
  mkdirSync(path);
  chmodSync(path, 0o755);
  chownSync(path, firstId, firstId);
}
