import { existsSync, statfsSync } from "node:fs";
import { StartError } from "../errors.ts";
import { type MinimumFree, requireFreeDisk } from "../state/free-disk.ts";
import { formatSize } from "../units.ts";
import { type Check, failed, type Finding, ok, warning } from "./check.ts";
import { findText } from "./facts.ts";

/** The user ids of jobs: `count` ranges of 65,536, the first of them at `first`. */
export interface IdRanges {
  readonly first: number;
  readonly count: number;
}

const RANGE_SIZE = 65_536;

/** Room for jobs, and ids that belong to nobody else. */
export function listStorageChecks(home: string, minimum: MinimumFree, ids: IdRanges): readonly Check[] {
  return [
    { name: "disk", run: () => checkDisk(home, minimum) },
    { name: "user ids", run: () => checkIds(ids) },
  ];
}

function checkDisk(home: string, minimum: MinimumFree): Finding {
  try {
    requireFreeDisk(home, minimum);
  } catch (error) {
    if (error instanceof StartError) return failed(error.message, error.hint ?? "free some space");
    throw error;
  }
  if (!existsSync(home)) return ok(`${home} is made by the first job`);
  const { bavail, bsize } = statfsSync(home);
  return ok(`${formatSize(bavail * bsize)} free below ${home}`);
}

function checkIds(ids: IdRanges): Finding {
  const end = ids.first + ids.count * RANGE_SIZE;
  const owners = [
    ...["/etc/subuid", "/etc/subgid"].flatMap((path) =>
      listSubIdOverlaps(findText(path) ?? "", ids.first, end),
    ),
    ...["/etc/passwd", "/etc/group"].flatMap((path) => listIdOverlaps(findText(path) ?? "", ids.first, end)),
  ];
  if (owners.length === 0) return ok(`${ids.first}-${end - 1}: ${ids.count} jobs at once`);
  const names = [...new Set(owners)].join(" ");
  return warning(
    `${ids.first}-${end - 1} holds ids of ${names}`,
    "set ids.first in rnx.yml to a range that is free",
  );
}

/** The names in a subuid(5) text whose ranges meet the ids from `first` to before `end`. */
export function listSubIdOverlaps(text: string, first: number, end: number): readonly string[] {
  return text.split("\n").flatMap((line) => {
    const [name, start, count] = line.split(":");
    const from = Number(start);
    return name && from < end && from + Number(count) > first ? name : [];
  });
}

/** The names in a passwd(5) or group(5) text whose id lies from `first` to before `end`. */
export function listIdOverlaps(text: string, first: number, end: number): readonly string[] {
  return text.split("\n").flatMap((line) => {
    const [name, , id] = line.split(":");
    return name && Number(id) >= first && Number(id) < end ? name : [];
  });
}
