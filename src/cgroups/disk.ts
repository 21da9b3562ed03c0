import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename } from "node:path";
import { findKernelFile } from "./files.ts";
import type { DiskBelow } from "./limits.ts";
import { formatDevice, type Mount, parseMounts } from "./mountinfo.ts";

/**
 * The whole disk that holds the path, as MAJ:MIN, or the name of a file system that has none of its own: tmpfs, a
 * network file system, one spread over several disks. I/O can be limited for whole disks only, not for partitions.
 */
export function findDiskBelow(path: string): DiskBelow {
  const device = findWholeDisk(formatDevice(statSync(path).dev));
  if (device !== undefined) return { device };
  const mount = findMount(realpathSync(path), parseMounts(readFileSync("/proc/self/mountinfo", "utf8")));
  const source = mount && findSourceDisk(mount);
  return source === undefined
    ? { fileSystem: mount?.fileSystem ?? "an unknown file system" }
    : { device: source };
}

/** The mount that holds an absolute path without links: of those at or above it the nearest, made last. */
export function findMount(path: string, mounts: readonly Mount[]): Mount | undefined {
  const holds = ({ mountPoint }: Mount) => mountPoint === "/" || `${path}/`.startsWith(`${mountPoint}/`);
  return mounts.filter(holds).reduce<Mount | undefined>((best, mount) => {
    return best !== undefined && best.mountPoint.length > mount.mountPoint.length ? best : mount;
  }, undefined);
}

/** The disk itself, or the one that a partition is a part of. */
function findWholeDisk(device: string): string | undefined {
  const entry = `/sys/dev/block/${device}`;
  if (findKernelFile(`${entry}/partition`) === undefined) return findKernelFile(`${entry}/dev`);
  return findKernelFile(`${entry}/../dev`);
}

/** For btrfs, whose files have a device number of its own: the disk it was mounted from. */
function findSourceDisk({ fileSystem, source }: Mount): string | undefined {
  if (fileSystem !== "btrfs") return undefined;
  const found = statSync(source, { throwIfNoEntry: false });
  if (found === undefined || !found.isBlockDevice()) return undefined;
  const device = formatDevice(found.rdev);
  const name = basename(realpathSync(`/sys/dev/block/${device}`));
  const pools = readdirSync("/sys/fs/btrfs", { withFileTypes: true }).filter((entry) =>
    entry.name.includes("-"),
  );
  const members = pools.map((pool) => readdirSync(`/sys/fs/btrfs/${pool.name}/devices`));
  // Limiting one disk of several would let the others run free.
  return members.some((disks) => disks.includes(name) && disks.length > 1)
    ? undefined
    : findWholeDisk(device);
}
