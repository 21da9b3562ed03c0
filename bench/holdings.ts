import { readdirSync, readFileSync } from "node:fs";

/** What this host holds at the moment, of the kinds that jobs must leave as they were. */
export function countHoldings(): ReadonlyMap<string, number> {
  return new Map([
    ["open files", Number(/^\d+/.exec(readFileSync("/proc/sys/fs/file-nr", "utf8"))?.[0])],
    ["mounts", countLines(readFileSync("/proc/self/mountinfo", "utf8"))],
    ["processes", readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length],
    ["files of id leases", countEntries("/run/rnx/ids")],
    ["dying cgroups (v2)", countDyingCgroups()],
    ["cgroups (v1, dying ones too)", countV1Cgroups()],
  ]);
}

function countLines(text: string): number {
  return text.trimEnd().split("\n").length;
}

function countEntries(directory: string): number {
  try {
    return readdirSync(directory).length;
  } catch {
    return 0; // No job has run yet.
  }
}

function countDyingCgroups(): number {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const root = mounts.map((line) => line.split(" ")).find(([, , type]) => type === "cgroup2")?.[1];
  if (root === undefined) return 0;
  return Number(/^nr_dying_descendants (\d+)$/m.exec(readFileSync(`${root}/cgroup.stat`, "utf8"))?.[1]);
}

/** /proc/cgroups has a line for each controller: name, hierarchy (0 is v2), number of groups. */
function countV1Cgroups(): number {
  const lines = readFileSync("/proc/cgroups", "utf8").trimEnd().split("\n").slice(1);
  const hierarchies = new Map(
    lines.map((line) => line.split("\t")).map(([, id = "", count]) => [id, Number(count)]),
  );
  hierarchies.delete("0");
  return hierarchies.values().reduce((sum, count) => sum + count, 0);
}
