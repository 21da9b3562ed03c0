import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { HostEntry, HostRoot } from "../sandbox/rootfs.ts";

/** Directories of programs and libraries; on most hosts all but /usr are links into it. */
const PROGRAM_DIRECTORIES: readonly string[] = ["bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr"];

/**
 * What of /etc a job without a runtime sees: how programs find libraries, alternatives, certificates, the time
 * zone and services, and the settings that Java keeps there. Nothing with users, passwords, hosts or keys.
 */
const ETC_ALLOWED = new Set([
  "alternatives",
  "crypto-policies",
  "ld.so.cache",
  "localtime",
  "os-release",
  "pki",
  "services",
  "ssl",
]);
const JAVA_SETTINGS = "java-";

/** Reads what the root of a job without a runtime is made of. */
export function readHostRoot(): HostRoot {
  const top = readdirSync("/").filter((name) => PROGRAM_DIRECTORIES.includes(name));
  const etc = readdirSync("/etc").filter((name) => ETC_ALLOWED.has(name) || name.startsWith(JAVA_SETTINGS));
  const paths = [...top.map((name) => `/${name}`), ...etc.map((name) => `/etc/${name}`)];
  return { kind: "host", entries: paths.map(findEntry).filter((entry) => entry !== undefined) };
}

function findEntry(path: string): HostEntry | undefined {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return { kind: "link", path, target: readlinkSync(path) };
  if (stat.isDirectory()) return { kind: "directory", path };
  return stat.isFile() ? { kind: "file", path } : undefined;
}
