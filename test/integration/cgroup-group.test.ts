import { afterEach, expect, test } from "bun:test";
import { closeSync, existsSync, readFileSync } from "node:fs";
import { refuseUnsupported } from "../../src/cgroups/apply.ts";
import { readCeiling, readLimitFacts } from "../../src/cgroups/facts.ts";
import { triggerKernelFile } from "../../src/cgroups/files.ts";
import {
  createCgroup,
  findCgroup,
  findDirectory,
  listCgroups,
  type NewCgroup,
} from "../../src/cgroups/group.ts";
import { readCgroupHost, TREE } from "../../src/cgroups/hierarchy.ts";
import { type CgroupFile, type Limits, planCeiling, planLimits } from "../../src/cgroups/limits.ts";
import {
  hasMetMemoryLimit,
  readMetrics,
  readOomKills,
  readPidsLimitHits,
} from "../../src/cgroups/statistics.ts";
import { isPopulated, killCgroup, removeCgroup, setFrozen } from "../../src/cgroups/teardown.ts";
import { prepareTree } from "../../src/cgroups/tree.ts";
import { StartError } from "../../src/errors.ts";

const MIB = 2 ** 20;
const host = readCgroupHost();
const ceiling = readCeiling({ memoryPercent: 90, processesPercent: 90 });
const never = () => false;
const made: NewCgroup[] = [];

function create(limits: Limits): NewCgroup {
  prepareTree(host, ceiling);
  const plan = planLimits(limits, host, readLimitFacts(limits, host, "/"));
  expect(plan.unsupported).toEqual([]);
  const cgroup = createCgroup(host, crypto.randomUUID(), plan.files, never);
  made.push(cgroup);
  return cgroup;
}

/** Runs a shell script in the cgroup; it starts once it is inside. */
function run(cgroup: NewCgroup, script: string) {
  const child = Bun.spawn(["sh", "-c", `read go; ${script}`], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
  });
  // "0" would be the writer: these processes are moved from outside.
  for (const file of [...cgroup.joinFiles, `${cgroup.path}/cgroup.procs`])
    triggerKernelFile(file, String(child.pid));
  child.stdin.write("go\n");
  child.stdin.end();
  return child;
}

function readLimit(cgroup: NewCgroup, file: CgroupFile): string {
  return readFileSync(
    `${findDirectory(host, cgroup.id, file.controller)}/${file.readFrom}`,
    "utf8",
  ).trimEnd();
}

afterEach(async () => {
  for (const cgroup of made.splice(0)) {
    closeSync(cgroup.directoryFd);
    await removeCgroup(cgroup, 5000);
    expect(cgroup.directories.filter((directory) => existsSync(directory))).toEqual([]);
    expect(findCgroup(host, cgroup.id)).toBeUndefined();
  }
});

test("every limit is in its file, a process runs inside, and nothing is left after the kill", async () => {
  const limits = {
    cpuPercent: 50,
    memoryBytes: 64 * MIB,
    ioBytesPerSecond: MIB,
    cpuCores: [0],
    maxPids: 20,
  };
  const cgroup = create(limits);
  const { files } = planLimits(limits, host, readLimitFacts(limits, host, "/"));
  for (const file of files.filter((one) =>
    existsSync(`${findDirectory(host, cgroup.id, one.controller)}/${one.file}`),
  )) {
    expect(readLimit(cgroup, file)).toBe(file.expected);
  }
  expect(listCgroups(host)).toContain(cgroup.id);
  expect(isPopulated(cgroup)).toBe(false);

  const child = run(cgroup, "head -c 20000000 /dev/zero >/dev/null; sleep 100");
  expect(isPopulated(cgroup)).toBe(true);
  const paths = readFileSync(`/proc/${child.pid}/cgroup`, "utf8").split("\n");
  expect(paths.filter((line) => line.endsWith(`/${TREE}/${cgroup.id}`)).length).toBe(
    cgroup.directories.length,
  );
  while ((readMetrics(cgroup).cpuUsec ?? 0) === 0) await Bun.sleep(5);
  const metrics = readMetrics(cgroup);
  expect(metrics.memoryPeak).toBeGreaterThan(0);
  expect(metrics.memoryPeak).toBeLessThanOrEqual(64 * MIB);
  expect(metrics.ioReadBytes).toBeGreaterThanOrEqual(0);

  killCgroup(cgroup);
  await untilEmpty(cgroup);
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
});

test("a frozen process stands still, and is killed all the same", async () => {
  const cgroup = create({ maxPids: 20 });
  const child = run(cgroup, "while :; do :; done");
  setFrozen(cgroup, true);
  while (!readFileSync(`${cgroup.path}/cgroup.events`, "utf8").includes("frozen 1")) await Bun.sleep(1);
  const before = readMetrics(cgroup).cpuUsec;
  await Bun.sleep(50);
  expect(readMetrics(cgroup).cpuUsec).toBe(before);
  killCgroup(cgroup);
  await untilEmpty(cgroup);
  await child.exited;
});

test("removal kills what still runs, a crowd that keeps forking too", async () => {
  const cgroup = create({ maxPids: 200 });
  const child = run(cgroup, "fork() { while :; do sleep 0.1 & done; }; fork & fork & wait");
  while ((readMetrics(cgroup).pidsPeak ?? 0) < 10) await Bun.sleep(5);
  await removeCgroup(cgroup, 20_000);
  expect(cgroup.directories.filter((directory) => existsSync(directory))).toEqual([]);
  await child.exited;
});

test("a process too many is refused, and that is counted", async () => {
  const cgroup = create({ maxPids: 1 });
  expect(readPidsLimitHits(cgroup)).toBe(0);
  const child = run(cgroup, "(true); true");
  expect(await child.exited).not.toBe(0);
  expect(readPidsLimitHits(cgroup)).toBeGreaterThan(0);
});

test("a process beyond the memory limit is killed, and that is seen", async () => {
  const cgroup = create({ memoryBytes: 32 * MIB });
  const child = run(cgroup, "tail /dev/zero");
  await child.exited;
  expect(readOomKills(cgroup)).toBeGreaterThan(0);
  expect(hasMetMemoryLimit(cgroup)).toBe(true);
});

test("a limit that the kernel refuses is an error that names it, and leaves nothing", () => {
  prepareTree(host, ceiling);
  const before = listCgroups(host);
  const { files } = planLimits({ maxPids: 4_194_304 + 1 }, host, {});
  const id = crypto.randomUUID();
  const start = () => createCgroup(host, id, files, never);
  expect(start).toThrow(StartError);
  expect(start).toThrow(
    /^--max-pids cannot be enforced: pids.max \(controller pids, cgroup v[12]\): wanted "4194305": /,
  );
  expect(listCgroups(host)).toEqual(before);
});

test("a file that is not there is never created, and the mend is named", () => {
  prepareTree(host, ceiling);
  const [file] = planLimits({ maxPids: 5 }, host, {}).files;
  if (file === undefined) throw new Error("a file is expected");
  const absent = { ...file, file: "pids.absent", readFrom: "pids.absent" };
  try {
    createCgroup(host, crypto.randomUUID(), [absent], never);
    throw new Error("not reached");
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    expect(error.message).toContain("pids.absent (controller pids");
    expect(error.message).toEndWith("does not exist");
    expect(error.hint).toMatch(/subtree_control|CONFIG_CGROUP_PIDS/);
  }
});

test("an optional limit that does not hold is a warning, and the rest is applied", () => {
  prepareTree(host, ceiling);
  const { files } = planLimits({ maxPids: 4_194_304 + 1, cpuPercent: 50 }, host, {});
  const cgroup = createCgroup(host, crypto.randomUUID(), files, (flag) => flag === "--max-pids");
  made.push(cgroup);
  expect(cgroup.warnings.length).toBe(1);
  expect(cgroup.warnings[0]).toStartWith("--max-pids cannot be enforced: pids.max");
});

test("a limit without a controller is refused, or a warning when it is optional", () => {
  const nowhere = { ...host, controllers: { ...host.controllers, pids: undefined } };
  const { unsupported } = planLimits({ maxPids: 5 }, nowhere, {});
  expect(() => refuseUnsupported(unsupported, never)).toThrow(StartError);
  expect(refuseUnsupported(unsupported, () => true)).toEqual([
    "--max-pids cannot be enforced: no cgroup hierarchy of this host has the pids controller",
  ]);
});

test("the whole tree has its limits, and preparing it again changes nothing", () => {
  expect(prepareTree(host, ceiling)).toEqual([]);
  const read = () =>
    planCeiling(ceiling, host).map((one) => {
      const mount = host.controllers[one.controller]?.mount;
      return readFileSync(`${mount}/${TREE}/${one.file}`, "utf8").trimEnd();
    });
  const before = read();
  expect(before.length).toBe(2);
  expect(Number(before[0])).toBeGreaterThan(ceiling.memoryBytes - 65_536);
  expect(before[1]).toBe(String(ceiling.processes));
  expect(prepareTree(host, ceiling)).toEqual([]);
  expect(read()).toEqual(before);
});

test("an id that would lead out of the tree is refused", () => {
  for (const id of ["", "..", "a/b", "cgroup.procs"]) expect(() => findCgroup(host, id)).toThrow(TypeError);
});

test("a hierarchy that another mount covers counts as absent", async () => {
  const { mount } = host.controllers.memory ?? { mount: "" };
  const script = `import { readCgroupHost } from "${import.meta.dir}/../../src/cgroups/hierarchy.ts";
    console.log(JSON.stringify(readCgroupHost()))`;
  const command = `mount -t tmpfs none ${mount} && exec "$0" -e '${script}'`;
  await using child = Bun.spawn(["unshare", "-m", "sh", "-c", command, process.execPath], { stdout: "pipe" });
  const seen = JSON.parse(await child.stdout.text());
  expect(seen.controllers.memory).toBeUndefined();
  expect(seen.mode).toBe(host.mode === "unified" ? "none" : host.mode);
});

test("two cgroups made at the same time do not meet", () => {
  const first = create({ maxPids: 5 });
  const second = create({ maxPids: 6 });
  expect(first.path).not.toBe(second.path);
  expect(new Set(listCgroups(host)).isSupersetOf(new Set([first.id, second.id]))).toBe(true);
});

/** Waits until no process is left in the cgroup. */
async function untilEmpty(cgroup: NewCgroup): Promise<void> {
  while (isPopulated(cgroup)) await Bun.sleep(1);
}
