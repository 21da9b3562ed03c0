import type { Identity } from "./identity.ts";
import { mountAt } from "./mounts.ts";
import { temporaryOptions } from "./rootfs.ts";
import { flags, mode, type Step, step } from "./step.ts";

/** The device nodes of a job and their numbers, devices.txt of the kernel: memory devices are major 1. */
const NODES: readonly (readonly [name: string, major: number, minor: number])[] = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
];

const LINKS: readonly (readonly [name: string, target: string])[] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
  ["ptmx", "pts/ptmx"],
];

/** The group that owns terminals, in the job: `tty` of Debian and others. */
const TTY_GROUP = 5;
const CHARACTER_DEVICE = 0o020000;

/** Mounts an empty /dev, before the pivot. Devices work on it alone: every other mount is nodev. */
export function planDev(): Step[] {
  return mountAt(
    "dev",
    "tmpfs",
    ["MS_NOSUID", "MS_NOEXEC", "MS_STRICTATIME"],
    "mode=755,size=64k,nr_inodes=64",
  );
}

/**
 * Fills /dev, after the pivot. The nodes are made and not bound from the host: nothing can stand in for them
 * (CVE-2025-31133), and they belong to the host's root, so the job cannot change their modes.
 */
export function planDevContents(identity: Identity, sharedMemoryBytes: number): Step[] {
  const { firstId } = identity;
  const pts = `newinstance,ptmxmode=0666,mode=0620,gid=${firstId + TTY_GROUP}`;
  return [
    ...NODES.map(([name, major, minor]) =>
      step(`create /dev/${name}`, "mknodat", [
        flags("AT_FDCWD"),
        `/dev/${name}`,
        mode(CHARACTER_DEVICE | 0o666),
        (major << 8) | minor,
      ]),
    ),
    ...LINKS.map(([name, target]) =>
      step(`link /dev/${name}`, "symlinkat", [target, flags("AT_FDCWD"), `/dev/${name}`]),
    ),
    ...planDevMount("pts", "devpts", pts),
    ...planDevMount("shm", "tmpfs", temporaryOptions(sharedMemoryBytes)),
    ...planDevMount("mqueue", "mqueue", 0),
  ];
}

function planDevMount(name: string, type: string, data: string | 0): Step[] {
  const path = `/dev/${name}`;
  const nodev = type === "devpts" ? ([] as const) : (["MS_NODEV"] as const);
  return [
    step(`create ${path}`, "mkdirat", [flags("AT_FDCWD"), path, mode(0o755)]),
    step(`mount ${type} on ${path}`, "mount", [
      type,
      path,
      type,
      flags("MS_NOSUID", "MS_NOEXEC", ...nodev),
      data,
    ]),
  ];
}
