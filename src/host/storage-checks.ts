import { formatSize } from "../units.ts";
import { type Check, failed, type Finding, ok, warning } from "./check.ts";
import { findText } from "./facts.ts";

/** What is free on the disk below RNX_HOME, and what has to stay free. */
export interface FreeDisk {
  readonly freeBytes: number;
  readonly neededBytes: number;
}

/** The user ids of jobs: `count` ranges of 65,536, the first of them at `first`. */
export interface IdRanges {
  readonly first: number;
  readonly count: number;
}

const RANGE_SIZE = 65_536;

/** Room for jobs, and ids that belong to nobody else. */
export function listStorageChecks(home: string, disk: FreeDisk, ids: IdRanges): readonly Check[] {
  return [
    { name: "disk", run: () => judgeDisk(home, disk) },
    { name: "user ids", run: () => checkIds(ids) },
  ];
}

function judgeDisk(home: string, { freeBytes, neededBytes }: FreeDisk): Finding {
  const detail = `${formatSize(freeBytes)} free below ${home}`;
  if (freeBytes >= neededBytes) return ok(detail);
  const mend = "rnx job delete-all frees what finished jobs keep; min_free in rnx.yml sets the limit";
  return failed(`${detail}, ${formatSize(neededBytes)} needed`, mend);
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
