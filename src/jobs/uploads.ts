import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  type Stats,
  symlinkSync,
} from "node:fs";
import { posix } from "node:path";
import { errorCode, StartError } from "../errors.ts";
import { copyBytes } from "../files.ts";
import { FCNTL, OPENAT2 } from "../linux/constants.ts";
import { openat2 } from "../linux/files.ts";
import { decodeBytes, encodeBytes } from "../linux/memory.ts";

/** Something of the caller's that is copied to /work before the job starts. */
export interface Upload {
  /** Absolute, on the host. */
  readonly source: string;
  /** Relative to /work, normalised, without ".."; "" is /work itself (a directory's contents). */
  readonly destination: string;
  readonly kind: "file" | "directory";
}

/** The host's ids of the job's root, who owns what is uploaded. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** One name in a directory. Special files (devices, FIFOs, sockets) are never uploaded. */
export interface TreeEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "link" | "special";
}

/** The entries of a directory; names that are not UTF-8 as decodeBytes has them. */
export function listDirectory(path: string): TreeEntry[] {
  // Not withFileTypes: with the encoding "buffer" Bun's entries lack its methods.
  return readdirSync(exact(path), { encoding: "buffer" }).map((bytes) => {
    const name = decodeBytes(bytes);
    return { name, kind: kindOf(lstatSync(exact(`${path}/${name}`))) };
  });
}

function kindOf(stat: Stats): TreeEntry["kind"] {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  return stat.isSymbolicLink() ? "link" : "special";
}

/**
 * Copies uploads into the directory that becomes /work: modes kept but for set-id bits, everything owned by `owner`,
 * links below a directory kept as they are. A file that grows meanwhile is copied up to its size at the opening.
 *
 * Both sides are walked descriptor by descriptor and no link is followed on the way: a link that one upload brought
 * must not lead the next one out of /work, nor may somebody who changes the caller's tree during the copy lead it
 * to other files. Throws StartError.
 */
export function copyUploads(uploads: readonly Upload[], workDirectory: string, owner: Owner): void {
  const work = openSync(workDirectory, FCNTL.O_DIRECTORY);
  try {
    for (const upload of uploads) copyUpload(upload, work, owner);
  } finally {
    closeSync(work);
  }
}

function copyUpload({ source, destination, kind }: Upload, work: number, owner: Owner): void {
  try {
    const isFile = kind === "file";
    withFd(makeDirectories(work, isFile ? posix.dirname(destination) : destination, owner), (target) => {
      // The upload itself may be a link: its owner named it.
      withFd(openSync(exact(source), isFile ? READ_FILE : READ_FILE | FCNTL.O_DIRECTORY), (from) => {
        if (isFile) copyFile(from, target, posix.basename(destination), owner);
        else copyTree(from, target, owner);
      });
    });
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`cannot upload "${source}"`, { cause: error });
  }
}

/** O_NONBLOCK: a FIFO that took the file's place must not keep the open waiting. */
const READ_FILE = FCNTL.O_RDONLY | FCNTL.O_NONBLOCK | FCNTL.O_NOCTTY;
const NO_LINKS = OPENAT2.RESOLVE_BENEATH | OPENAT2.RESOLVE_NO_SYMLINKS;

function copyTree(from: number, target: number, owner: Owner): void {
  for (const { name, kind } of listDirectory(`/proc/self/fd/${from}`)) {
    if (kind === "special") throw new StartError(`cannot upload "${name}": a device, FIFO or socket`);
    if (kind === "link") copyLink(from, target, name, owner);
    else {
      const flags = kind === "directory" ? READ_FILE | FCNTL.O_DIRECTORY : READ_FILE;
      withFd(openat2(from, name, { flags, resolve: NO_LINKS }), (source) => {
        if (kind === "file") copyFile(source, target, name, owner);
        else {
          withFd(makeDirectory(target, name, owner), (directory) => {
            copyTree(source, directory, owner);
            fchmodSync(directory, fstatSync(source).mode & MODE_BITS);
          });
        }
      });
    }
  }
}

/** Permissions and the sticky bit; a set-id bit would act in the name of the job's root. */
const MODE_BITS = 0o1777;

function copyFile(source: number, target: number, name: string, owner: Owner): void {
  const stat = fstatSync(source);
  if (!stat.isFile()) throw new StartError(`cannot upload "${name}": not a regular file`);
  const flags = FCNTL.O_WRONLY | FCNTL.O_CREAT | FCNTL.O_EXCL;
  withFd(openat2(target, name, { flags, mode: 0o600, resolve: NO_LINKS }), (copy) => {
    copyBytes(source, copy, stat.size);
    fchownSync(copy, owner.uid, owner.gid);
    fchmodSync(copy, stat.mode & MODE_BITS);
  });
}

function copyLink(from: number, target: number, name: string, owner: Owner): void {
  const link = exact(`/proc/self/fd/${target}/${name}`);
  symlinkSync(readlinkSync(exact(`/proc/self/fd/${from}/${name}`), { encoding: "buffer" }), link);
  lchownSync(link, owner.uid, owner.gid);
}

/** A descriptor for a path of directories below another one; those that are missing are made. */
function makeDirectories(parent: number, path: string, owner: Owner): number {
  let directory = openat2(parent, ".", { flags: FCNTL.O_DIRECTORY });
  for (const name of path.split("/").filter((part) => part !== "" && part !== ".")) {
    directory = withFd(directory, (outer) => makeDirectory(outer, name, owner));
  }
  return directory;
}

/** A descriptor for one directory below another one, which is made when it is missing. */
function makeDirectory(parent: number, name: string, owner: Owner): number {
  try {
    mkdirSync(exact(`/proc/self/fd/${parent}/${name}`), 0o755);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    return openat2(parent, name, { flags: FCNTL.O_DIRECTORY, resolve: NO_LINKS });
  }
  const directory = openat2(parent, name, { flags: FCNTL.O_DIRECTORY, resolve: NO_LINKS });
  fchownSync(directory, owner.uid, owner.gid);
  fchmodSync(directory, 0o755);
  return directory;
}

function withFd<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** A path for node:fs, which would replace bytes that are not UTF-8. */
function exact(path: string): Buffer {
  return Buffer.from(encodeBytes(path));
}
