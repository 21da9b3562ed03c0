/**
 * What YAML files were found to hold, kept as JSON below RNX_HOME/cache: loading the YAML library takes 3 ms, a quarter
 * of a job's start. A kept value counts only as long as inode, size and times of its file are those it was read at,
 * and every file here may be deleted at any time.
 */
import { renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { readRegularFile } from "../files.ts";
import { version } from "../version.ts";
import { checkDirectory, makePrivateDirectory } from "./home.ts";
import { getHome } from "./paths.ts";

/** A file at one moment. */
export interface FileState {
  /** Where what is kept of it lies; two files may share it one after the other. */
  readonly place: string;
  /** Differs whenever the file does. */
  readonly key: string;
  readonly changedMs: number;
}

const MAX_BYTES = 4 * 2 ** 20;
/** Times of files are as coarse as this where inodes are small; a change within it may not show. */
const COARSEST_TIME_MS = 2000;

const keptSchema = v.object({ key: v.string(), value: v.unknown() });

/** The state of a file, to be asked for before it is read; undefined when there is none. */
export function findFileState(path: string): FileState | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  const place = `${stat.dev}-${stat.ino}`;
  // ctime too: a program can set mtime back.
  const key = [version, place, stat.size, stat.mtimeNs, stat.ctimeNs].join(" ");
  return { place, key, changedMs: Number(stat.ctimeMs) };
}

/** What the file in this state was found to hold; undefined when that is not known. It must be checked like input. */
export function findParsed({ place, key }: FileState): unknown {
  try {
    if (!getDirectories().every((directory) => checkDirectory(directory))) return undefined;
    const text = readRegularFile(getPath(place), MAX_BYTES).toString();
    const kept = v.parse(keptSchema, JSON.parse(text));
    return kept.key === key ? kept.value : undefined;
  } catch {
    return undefined; // Cut off, of another form, in a directory that others can change: the same as not known.
  }
}

/**
 * Keeps what a file in this state holds, unless the file is so new that a change after the reading could not show.
 * Where that fails, on a full disk or a read-only one, the file is read again next time.
 */
export function keepParsed({ place, key, changedMs }: FileState, value: unknown): void {
  if (Date.now() - changedMs < COARSEST_TIME_MS) return;
  try {
    getDirectories().forEach((directory) => makePrivateDirectory(directory));
    replaceFile(getPath(place), JSON.stringify({ key, value }));
  } catch {
    return;
  }
}

function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, text, { mode: 0o600, flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function getPath(place: string): string {
  return join(getHome(), "cache", "parsed", `${place}.json`);
}

/** Those that lead there; what is kept decides about jobs, so nobody else may write in them. */
function getDirectories(): string[] {
  const cache = join(getHome(), "cache");
  return [cache, join(cache, "parsed")];
}
