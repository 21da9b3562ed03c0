import { readFileSync } from "node:fs";
import { errorCode } from "../errors.ts";

/** Ids that are not for jobs: a user's or group's own, or a range that a user was given to hand on. */
export interface HostIds {
  /** The file that says so. */
  readonly path: string;
  readonly name: string;
  readonly first: number;
  readonly last: number;
}

const FILES = ["/etc/passwd", "/etc/group", "/etc/subuid", "/etc/subgid"] as const;

/** The ids of the host's users and groups, and the ranges of subuid(5) and subgid(5). */
export function readHostIds(): readonly HostIds[] {
  return FILES.flatMap((path) => parseHostIds(path, readText(path)));
}

/** The ids in a file of lines `NAME:PASSWORD:ID:..` or, for /etc/sub?id, `NAME:FIRST:COUNT`; other lines are left out. */
export function parseHostIds(path: string, text: string): readonly HostIds[] {
  const isRange = path.startsWith("/etc/sub");
  return text.split("\n").flatMap((line) => {
    const [name = "", second, third] = line.split(":");
    const first = parseId(isRange ? second : third);
    const count = isRange ? parseId(third) : 1;
    if (first === undefined || count === undefined || count === 0) return [];
    return [{ path, name, first, last: first + count - 1 }];
  });
}

/** Whether one of the ids lies from `first` to before `end`. */
export function isWithin(ids: HostIds, first: number, end: number): boolean {
  return ids.first < end && ids.last >= first;
}

function parseId(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** Not every host has all of the files. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return "";
    throw error;
  }
}
