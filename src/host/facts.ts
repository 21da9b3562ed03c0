import { readFileSync } from "node:fs";

export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
  /** As uname -r prints it. */
  readonly release: string;
}

/** The version of the running kernel. */
export function readKernelVersion(): KernelVersion {
  return parseKernelVersion(readFileSync("/proc/sys/kernel/osrelease", "latin1").trimEnd());
}

/** "6.1.0-13-amd64" -> 6, 1; what is no number counts as 0. */
export function parseKernelVersion(release: string): KernelVersion {
  const [major = "", minor = ""] = release.split(".");
  return { major: parseInt(major, 10) || 0, minor: parseInt(minor, 10) || 0, release };
}

/** Whether the kernel is of that version or newer. */
export function isAtLeast(version: KernelVersion, [major, minor]: readonly [number, number]): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}

/** What a sandbox needs of the kernel: mount_setattr(2). */
export const OLDEST_KERNEL = [5, 12] as const;
/** Overlay on idmapped layers: a runtime in a user namespace needs it. */
export const OLDEST_FOR_RUNTIMES = [5, 19] as const;

/** What installs packages on this system. */
export type PackageManager = "apt-get" | "dnf";

const MANAGERS: Readonly<Record<string, PackageManager>> = {
  debian: "apt-get",
  ubuntu: "apt-get",
  fedora: "dnf",
  rhel: "dnf",
  centos: "dnf",
  amzn: "dnf",
};

/** The package manager of a distribution, by the ID and ID_LIKE of its os-release(5); undefined for an unknown one. */
export function parsePackageManager(osRelease: string): PackageManager | undefined {
  const fields = new Map<string, string>();
  for (const line of osRelease.split("\n")) {
    const [, key, value] = /^([A-Z_]+)=["']?(.*?)["']?\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) fields.set(key, value);
  }
  const names = [fields.get("ID") ?? "", ...(fields.get("ID_LIKE") ?? "").split(" ")];
  return names.map((name) => MANAGERS[name]).find((manager) => manager !== undefined);
}

/** A file's text, or undefined when it is not there or cannot be read. */
export function findText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
