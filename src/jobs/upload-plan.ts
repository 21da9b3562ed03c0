import { realpathSync, type Stats, statSync } from "node:fs";
import { basename, join, posix, resolve } from "node:path";
import { MAGIC } from "../linux/constants.ts";
import { fileSystemType } from "../linux/files.ts";
import { encodeBytes } from "../linux/memory.ts";
import { listDirectory, type TreeEntry, type Upload } from "./uploads.ts";

/** Larger files are not uploaded without being named. */
const AUTO_UPLOAD_MAX_BYTES = 64 * 2 ** 20;
/** PATH_MAX of linux/limits.h: a longer word names no file. */
const PATH_MAX = 4096;

/**
 * `SRC[:DEST]` of --upload: a regular file, or a link to one, that lands at DEST or, under its own name, in /work.
 * Returns what is wrong with it otherwise.
 */
export function planFileUpload(text: string, directory: string): Upload | string {
  const { source, destination } = splitUpload(text, directory);
  const problem = explainNotRegular(source);
  if (problem !== undefined) return problem;
  const name = basename(source);
  const path = destination === undefined ? name : parseDestination(destination, name);
  return path === undefined || path === "" ? DESTINATION_FORM : { source, destination: path, kind: "file" };
}

/**
 * `DIR[:DEST]` of --upload-dir: the directory's contents go into /work or DEST. Returns what is wrong with it
 * otherwise; a device, FIFO or socket anywhere below is.
 */
export function planDirectoryUpload(text: string, directory: string): Upload | string {
  const { source, destination } = splitUpload(text, directory);
  const stat = findStat(source);
  if (stat === undefined) return "no such directory";
  if (!stat.isDirectory()) return "not a directory";
  const path = destination === undefined ? "" : parseDestination(destination, "");
  if (path === undefined) return DESTINATION_FORM;
  const special = listTree(source).find(({ entry }) => entry.kind === "special");
  if (special !== undefined) return `${join(source, special.path)} is a device, FIFO or socket`;
  return { source, destination: path, kind: "directory" };
}

const DESTINATION_FORM = 'expected SRC[:DEST], DEST being a path below /work without ".."';

/**
 * The files that a command names: words that are relative paths, without "..", of regular files of at most 64 MB
 * below the caller's directory. In the shell form and in an argument with white space (`bash -c "..."`) the words of
 * the string count too. Each lands at the path that the command uses; one that clashes with a `named` upload is
 * left out.
 */
export function planAutoUploads(
  command: { readonly words: readonly string[]; readonly isShellForm: boolean },
  directory: string,
  named: readonly Upload[],
): Upload[] {
  const taken = new Destinations();
  for (const upload of named) taken.add(upload);
  return command.words
    .flatMap((word) =>
      command.isShellForm || /\s/.test(word) ? [word, ...word.split(SHELL_SEPARATORS)] : [word],
    )
    .map((path) => planAutoUpload(path, directory))
    .filter((upload) => upload !== undefined)
    .filter((upload) => taken.add(upload) === undefined);
}

/** What stands between two words of a shell's command line. */
export const SHELL_SEPARATORS = /[\s;|&()<>"'`]+/;

function planAutoUpload(path: string, directory: string): Upload | undefined {
  if (path === "" || path.length > PATH_MAX || path.startsWith("/") || path.split("/").includes(".."))
    return undefined;
  const source = join(directory, path);
  const stat = findStat(source);
  if (stat === undefined || !stat.isFile() || stat.size > AUTO_UPLOAD_MAX_BYTES || path.endsWith("/"))
    return undefined;
  // A link may lead out of the caller's directory: nobody named what it leads to.
  const base = realpathSync.native(directory);
  if (!realpathSync.native(source).startsWith(base === "/" ? base : `${base}/`)) return undefined;
  if (explainNotRegular(source) !== undefined) return undefined;
  return { source, destination: posix.normalize(path), kind: "file" };
}

/** One message for each upload that would land where another one does. */
export function findClashes(uploads: readonly Upload[]): string[] {
  const taken = new Destinations();
  return uploads.flatMap((upload) => {
    const clash = taken.add(upload);
    return clash === undefined
      ? []
      : [`"${upload.source}" and "${clash.source}" would both be at /work/${clash.path}`];
  });
}

/** Which path below /work comes from which upload. */
class Destinations {
  readonly #files = new Map<string, string>();
  readonly #directories = new Map<string, string>();

  /** Enters all paths of an upload, or returns the first one that is taken, and by what. */
  add(upload: Upload): { readonly path: string; readonly source: string } | undefined {
    if (upload.kind === "file") return this.#addFile(upload.destination, upload.source);
    for (const { path, entry } of listTree(upload.source)) {
      const destination = posix.join(upload.destination, path);
      const clash =
        entry.kind === "directory"
          ? this.#addDirectory(destination, upload.source)
          : this.#addFile(destination, upload.source);
      if (clash !== undefined) return clash;
    }
    return this.#addDirectory(upload.destination, upload.source);
  }

  #addFile(path: string, source: string): { path: string; source: string } | undefined {
    const owner = this.#files.get(path) ?? this.#directories.get(path);
    if (owner !== undefined) return { path, source: owner };
    const clash = this.#addDirectory(posix.dirname(path), source);
    if (clash === undefined) this.#files.set(path, source);
    return clash;
  }

  #addDirectory(path: string, source: string): { path: string; source: string } | undefined {
    for (let at = path; at !== "." && at !== ""; at = posix.dirname(at)) {
      const owner = this.#files.get(at);
      if (owner !== undefined) return { path: at, source: owner };
      if (this.#directories.has(at)) return undefined;
      this.#directories.set(at, source);
    }
    return undefined;
  }
}

/** The last colon splits, unless the whole text is the name of something that exists. */
function splitUpload(text: string, directory: string): { source: string; destination: string | undefined } {
  const at = findStat(resolve(directory, text)) === undefined ? text.lastIndexOf(":") : -1;
  if (at === -1) return { source: resolve(directory, text), destination: undefined };
  return { source: resolve(directory, text.slice(0, at)), destination: text.slice(at + 1) };
}

/** A path below /work; one that ends with "/" is a directory for `name`. Undefined when it is none. */
function parseDestination(text: string, name: string): string | undefined {
  if (text === "" || text.startsWith("/") || text.includes("\0") || text.split("/").includes(".."))
    return undefined;
  const path = posix.normalize(text.endsWith("/") ? `${text}${name}` : text).replace(/\/$/, "");
  return path === "." ? name : path;
}

/** Why the path cannot be uploaded as a file, or undefined. Nothing is opened: that alone can move a tape. */
function explainNotRegular(path: string): string | undefined {
  const stat = findStat(path);
  if (stat === undefined) return "no such file";
  return stat.isFile() && !PSEUDO_FILE_SYSTEMS.has(fileSystemType(path)) ? undefined : "not a regular file";
}

/** Their files say they are regular and empty, and reading one can wait for ever (/proc/kmsg) or change something. */
const PSEUDO_FILE_SYSTEMS = new Set<number>([
  MAGIC.PROC_SUPER_MAGIC,
  MAGIC.SYSFS_MAGIC,
  MAGIC.CGROUP2_SUPER_MAGIC,
]);

function findStat(path: string): Stats | undefined {
  try {
    return statSync(Buffer.from(encodeBytes(path)), { throwIfNoEntry: false });
  } catch {
    return undefined; // ENOTDIR, EACCES, ELOOP: nothing there that could be uploaded.
  }
}

/** Everything below a directory with its path relative to it, a directory before what is in it; links not followed. */
function listTree(directory: string, prefix = ""): { path: string; entry: TreeEntry }[] {
  return listDirectory(join(directory, prefix)).flatMap((entry) => {
    const path = posix.join(prefix, entry.name);
    return [{ path, entry }, ...(entry.kind === "directory" ? listTree(directory, path) : [])];
  });
}
