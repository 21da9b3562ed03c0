import { lstatSync, readlinkSync } from "node:fs";
import type { HostEntry, HostRoot } from "../sandbox/rootfs.ts";

/** Directories of programs and libraries; on most hosts all but /usr are links into it. */
const PROGRAM_DIRECTORIES: readonly string[] = [
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
];

/**
 * What of /etc a job without a runtime sees: how programs find libraries, certificates, time zones, services and
 * alternatives. Nothing with users, passwords, hosts or keys.
 */
const ETC_ALLOWED: readonly string[] = [
  "alternatives",
  "ca-certificates",
  "ca-certificates.conf",
  "crypto-policies",
  "debian_version",
  "fonts",
  "java-17-openjdk",
  "java-21-openjdk",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "locale.alias",
  "localtime",
  "magic",
  "mime.types",
  "os-release",
  "pki",
  "protocols",
  "python3",
  "rpc",
  "services",
  "shells",
  "ssl",
  "terminfo",
  "timezone",
];

/** Reads what the root of a job without a runtime is made of. */
export function readHostRoot(): HostRoot {
  const paths = [...PROGRAM_DIRECTORIES, ...ETC_ALLOWED.map((name) => `/etc/${name}`)];
  return { kind: "host", entries: paths.map(findEntry).filter((entry) => entry !== undefined) };
}

function findEntry(path: string): HostEntry | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (stat.isSymbolicLink()) return { kind: "link", path, target: readlinkSync(path) };
  if (stat.isDirectory()) return { kind: "directory", path };
  return stat.isFile() ? { kind: "file", path } : undefined;
}
