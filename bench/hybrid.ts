import { readFileSync } from "node:fs";

/**
 * The command, changed where crun would refuse to work («cgroups in hybrid mode not supported»): beside controllers
 * on v1 it wants a cgroup2 mount that has none. There the command gets a mount namespace of its own, in which that
 * mount's list of controllers is empty. It costs the programs that are measured inside nothing.
 */
export function hideControllers(argv: readonly string[]): readonly string[] {
  const list = findHybridControllers();
  if (list === undefined) return argv;
  return ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null "$0" && exec "$@"', list, ...argv];
}

/** The list of controllers of a cgroup2 mount that stands beside v1 hierarchies, unless it is empty already. */
function findHybridControllers(): string | undefined {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const mount = mounts.map((line) => line.split(" ")).find(([, , type]) => type === "cgroup2")?.[1];
  if (mount === undefined || mount === "/sys/fs/cgroup") return undefined;
  const path = `${mount}/cgroup.controllers`;
  return readFileSync(path, "utf8").trim() === "" ? undefined : path;
}
