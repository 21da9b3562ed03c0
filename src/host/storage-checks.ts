import { existsSync, statfsSync } from "node:fs";
import { StartError } from "../errors.ts";
import { type MinimumFree, requireFreeDisk } from "../state/free-disk.ts";
import { isWithin, readHostIds } from "../state/host-ids.ts";
import { type IdRanges, IDS_PER_RANGE } from "../state/leases.ts";
import { formatSize } from "../units.ts";
import { type Check, failed, type Finding, ok, warning } from "./check.ts";

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
  const end = ids.first + ids.count * IDS_PER_RANGE;
  const owners = readHostIds().filter((owned) => isWithin(owned, ids.first, end));
  if (owners.length === 0) return ok(`${ids.first}-${end - 1}: ${ids.count} jobs at once`);
  const names = [...new Set(owners.map(({ name }) => name))].join(" ");
  return warning(
    `${ids.first}-${end - 1} holds ids of ${names}`,
    "set ids.first in rnx.yml to a range that is free",
  );
}
