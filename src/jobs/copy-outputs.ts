/**
 * Copies files out of a job's file system after all of its processes have ended.
 *
 * The tree was written by code that nobody has read. It is walked by descriptors, one component after the other:
 * links are never followed out of the job's root (openat2 RESOLVE_IN_ROOT), devices and FIFOs are never opened, and
 * a link is copied only when it stays inside what is copied. On the host's side a file is written beside its place
 * and renamed over it, so no link that stands there is followed either.
 */
import {
  chmodSync,
  closeSync,
  fstatSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
} from "node:fs";
import { dirname, join, posix } from "node:path";
import { errorCode } from "../errors.ts";
import { copyBytes } from "../files.ts";
import { FCNTL, OPENAT2 } from "../linux/constants.ts";
import { openat2 } from "../linux/files.ts";
import { decodeBytes, encodeBytes } from "../linux/memory.ts";
import type { JobSpec } from "./spec.ts";

const PERMISSIONS = 0o777;

/** Copies every --output; returns a sentence for each thing that could not be copied. Closes the descriptors. */
export function copyOutputs(
  spec: JobSpec,
  files: { readonly root: number; readonly mountNamespace: number },
): string[] {
  const problems: string[] = [];
  for (const { path, local } of spec.outputs) {
    const absolute = posix.resolve(spec.workdir, path);
    try {
      const fd = openat2(files.root, absolute.slice(1) || ".", {
        flags: FCNTL.O_PATH,
        resolve: OPENAT2.RESOLVE_IN_ROOT | OPENAT2.RESOLVE_NO_MAGICLINKS,
      });
      copyOpened(fd, local, new OutputTree(absolute, statSync(dirname(local)), problems), "");
    } catch (error) {
      problems.push(describeProblem(path, error));
    }
  }
  closeSync(files.root);
  closeSync(files.mountNamespace);
  return problems;
}

/** One --output: what is copied, who will own it, and what went wrong. */
class OutputTree {
  readonly path: string;
  /** The directory that the output lands in: its owner owns the copy, whoever ran sudo. */
  readonly #surroundings: Stats;
  readonly #problems: string[];

  constructor(path: string, surroundings: Stats, problems: string[]) {
    this.path = path;
    this.#surroundings = surroundings;
    this.#problems = problems;
  }

  own(local: string): void {
    lchownSync(local, this.#surroundings.uid, this.#surroundings.gid);
  }

  report(relative: string, error: unknown): void {
    this.#problems.push(describeProblem(posix.join(this.path, relative), error));
  }
}

function describeProblem(path: string, error: unknown): string {
  const reason = errorCode(error) ?? (error instanceof Error ? error.message : String(error));
  return `output not copied: ${path}: ${reason === "ENOENT" ? "no such file" : reason}`;
}

/** Copies what an O_PATH descriptor stands for, and closes that. Throws for what cannot be copied. */
function copyOpened(fd: number, local: string, tree: OutputTree, relative: string): void {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile()) copyFile(fd, stat, local, tree);
    else if (stat.isDirectory()) copyDirectory(fd, stat, local, tree, relative);
    else throw new Error("neither a regular file nor a directory");
  } finally {
    closeSync(fd);
  }
}

/** Opens what an O_PATH descriptor stands for, for reading: known by now to be a file or directory. */
function openForReading(fd: number): number {
  return openSync(`/proc/self/fd/${fd}`, FCNTL.O_RDONLY);
}

function copyFile(fd: number, stat: Stats, local: string, tree: OutputTree): void {
  const beside = join(dirname(local), `.rnx-output-${process.pid}`);
  const source = openForReading(fd);
  try {
    const target = openSync(beside, "wx", 0o600);
    try {
      copyBytes(source, target);
    } finally {
      closeSync(target);
    }
    chmodSync(beside, stat.mode & PERMISSIONS);
    tree.own(beside);
    renameSync(beside, local);
  } finally {
    closeSync(source);
    rmSync(beside, { force: true });
  }
}

function copyDirectory(fd: number, stat: Stats, local: string, tree: OutputTree, relative: string): void {
  if (lstatSync(local, { throwIfNoEntry: false })?.isDirectory() !== true) {
    mkdirSync(local, { mode: 0o700 });
    chmodSync(local, stat.mode & PERMISSIONS);
    tree.own(local);
  }
  const directory = openForReading(fd);
  try {
    for (const bytes of readdirSync(`/proc/self/fd/${directory}`, { encoding: "buffer" })) {
      const name = decodeBytes(bytes);
      const path = posix.join(relative, name);
      try {
        copyEntry(directory, name, join(local, name), tree, path);
      } catch (error) {
        tree.report(path, error);
      }
    }
  } finally {
    closeSync(directory);
  }
}

function copyEntry(directory: number, name: string, local: string, tree: OutputTree, path: string): void {
  const fd = openat2(directory, name, {
    flags: FCNTL.O_PATH | FCNTL.O_NOFOLLOW,
    resolve: OPENAT2.RESOLVE_BENEATH | OPENAT2.RESOLVE_NO_MAGICLINKS,
  });
  if (!fstatSync(fd).isSymbolicLink()) return copyOpened(fd, local, tree, path);
  closeSync(fd);
  const link = Buffer.from(encodeBytes(`/proc/self/fd/${directory}/${name}`));
  const target = decodeBytes(readlinkSync(link, { encoding: "buffer" }));
  const isInside = !posix.isAbsolute(target) && !/^\.\.(\/|$)/.test(posix.join(posix.dirname(path), target));
  if (!isInside) throw new Error(`a link that leads out of the output: ${target}`);
  rmSync(local, { force: true });
  symlinkSync(Buffer.from(encodeBytes(target)), local);
  tree.own(local);
}
