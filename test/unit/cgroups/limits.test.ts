import { describe, expect, test } from "bun:test";
import { holds } from "../../../src/cgroups/apply.ts";
import type { CgroupHost } from "../../../src/cgroups/hierarchy.ts";
import { type CgroupFile, type Limits, planCeiling, planLimits } from "../../../src/cgroups/limits.ts";
import { HYBRID, UNIFIED } from "./hosts.ts";

const ALL: Limits = {
  cpuPercent: 150,
  memoryBytes: 67_108_864,
  ioBytesPerSecond: 1_048_576,
  cpuCores: [3, 0, 1, 2, 6, 0],
  maxPids: 64,
};
const FACTS = { disk: { device: "254:0" } };

/** One line for each write: how it reads in a shell, and what has to be read where. */
function describePlan(limits: Limits, host: CgroupHost): string[] {
  return planLimits(limits, host, FACTS).files.map((one) => {
    const check = one.readFrom === one.file ? "" : ` (${one.readFrom})`;
    const other = one.expected === one.value ? "" : ` reads ${one.expected}`;
    return `${one.setting}: v${one.version} ${one.file} = ${one.value}${other}${check}`;
  });
}

describe("a job's limits as files", () => {
  test("in cgroup v2", () => {
    expect(describePlan(ALL, UNIFIED)).toEqual([
      "--max-memory: v2 memory.max = 67108864",
      "--max-memory: v2 memory.swap.max = 0",
      "--max-memory: v2 memory.oom.group = 1",
      "--max-cpu: v2 cpu.max = 150000 100000",
      "--cpu-cores: v2 cpuset.cpus = 0-3,6 (cpuset.cpus.effective)",
      "--max-pids: v2 pids.max = 64",
      "--max-iobps: v2 io.max = 254:0 rbps=1048576 wbps=1048576" +
        " reads 254:0 rbps=1048576 wbps=1048576 riops=max wiops=max",
    ]);
  });

  test("in cgroup v1, memory before memory and swap", () => {
    expect(describePlan(ALL, HYBRID)).toEqual([
      "--max-memory: v1 memory.limit_in_bytes = 67108864",
      "--max-memory: v1 memory.memsw.limit_in_bytes = 67108864",
      "--max-cpu: v1 cpu.cfs_period_us = 100000",
      "--max-cpu: v1 cpu.cfs_quota_us = 150000",
      "--cpu-cores: v1 cpuset.cpus = 0-3,6 (cpuset.effective_cpus)",
      "--max-pids: v1 pids.max = 64",
      "--max-iobps: v1 blkio.throttle.read_bps_device = 254:0 1048576",
      "--max-iobps: v1 blkio.throttle.write_bps_device = 254:0 1048576",
    ]);
  });

  test("each where its controller sits, when v1 and v2 share them", () => {
    const mixed = { ...HYBRID, controllers: { ...HYBRID.controllers, memory: UNIFIED.controllers.memory } };
    const files = planLimits({ memoryBytes: 4096, maxPids: 1 }, mixed, {}).files;
    expect(files.map((one) => `${one.version} ${one.file}`)).toEqual([
      "2 memory.max",
      "2 memory.swap.max",
      "2 memory.oom.group",
      "1 pids.max",
    ]);
  });

  test("none without a limit", () => {
    expect(planLimits({}, UNIFIED, {})).toEqual({ files: [], unsupported: [] });
  });

  test("only the swap files may be absent", () => {
    const absent = [UNIFIED, HYBRID].flatMap((host) =>
      planLimits(ALL, host, FACTS).files.filter((one) => one.mayBeAbsent),
    );
    expect(absent.map((one) => one.file)).toEqual(["memory.swap.max", "memory.memsw.limit_in_bytes"]);
  });

  test.each([
    [1, "1000 100000"],
    [0.5, "1000 100000"],
    [33.3333, "33333 100000"],
    [10_000, "10000000 100000"],
  ])("a share of %d percent is a quota the kernel takes", (cpuPercent, value) => {
    expect(planLimits({ cpuPercent }, UNIFIED, {}).files[0]?.value).toBe(value);
  });
});

describe("what this host cannot hold", () => {
  const controllers = { ...HYBRID.controllers, memory: undefined };

  test("names flag, controller and the mount that brings it, beside v1 hierarchies", () => {
    expect(planLimits({ memoryBytes: 4096 }, { ...HYBRID, controllers }, {}).unsupported).toEqual([
      {
        flag: "--max-memory",
        controller: "memory",
        reason: "no cgroup hierarchy of this host has the memory controller",
        mend: "mkdir -p /sys/fs/cgroup/memory && mount -t cgroup -o memory memory /sys/fs/cgroup/memory",
      },
    ]);
  });

  test("names the kernel option on a unified host", () => {
    const host = { ...UNIFIED, controllers: { ...UNIFIED.controllers, io: undefined } };
    const [first] = planLimits({ ioBytesPerSecond: 4096 }, host, {}).unsupported;
    expect(first?.mend).toBe(
      "boot without cgroup_disable=blkio, with a kernel that has CONFIG_BLK_DEV_THROTTLING",
    );
  });

  test("names the file system that has no disk below it", () => {
    const plan = planLimits({ ioBytesPerSecond: 4096 }, UNIFIED, { disk: { fileSystem: "tmpfs" } });
    expect(plan.files).toEqual([]);
    expect(plan.unsupported[0]?.reason).toBe(
      "the job's files are on tmpfs, which has no disk of its own to limit",
    );
  });
});

// The kernel stores 0 for "" and for 2^64, 8192 for "10K", and takes an empty list of cores for all of them.
describe("no value reaches the kernel that it would read as another", () => {
  test.each([NaN, Infinity, -1, 1.5, 2 ** 64, 1e21])("%d", (value) => {
    expect(() => planLimits({ memoryBytes: value }, UNIFIED, {})).toThrow(TypeError);
    expect(() => planLimits({ maxPids: value }, HYBRID, {})).toThrow(TypeError);
    expect(() => planLimits({ ioBytesPerSecond: value }, HYBRID, FACTS)).toThrow(TypeError);
    expect(() => planLimits({ cpuCores: [0, value] }, UNIFIED, {})).toThrow(TypeError);
  });

  test("an empty list of cores", () => {
    expect(() => planLimits({ cpuCores: [] }, UNIFIED, {})).toThrow(TypeError);
  });

  test("an unknown disk", () => {
    expect(() => planLimits({ ioBytesPerSecond: 4096 }, UNIFIED, {})).toThrow(TypeError);
  });
});

describe("the whole tree's limits", () => {
  const ceiling = { memoryBytes: 22_748_851_814, processes: 29_491 };
  const describeFiles = (files: readonly CgroupFile<string>[]) =>
    files.map((one) => `v${one.version} ${one.file}=${one.value}`);

  test("stand where memory and pids sit", () => {
    expect(describeFiles(planCeiling(ceiling, UNIFIED))).toEqual([
      "v2 memory.max=22748851814",
      "v2 pids.max=29491",
    ]);
    expect(describeFiles(planCeiling(ceiling, HYBRID))).toEqual([
      "v1 memory.limit_in_bytes=22748851814",
      "v1 pids.max=29491",
    ]);
  });

  test("are left out where there is no controller", () => {
    const controllers = { ...UNIFIED.controllers, memory: undefined, pids: undefined };
    expect(planCeiling(ceiling, { ...UNIFIED, controllers })).toEqual([]);
  });

  test("hold when the kernel has rounded the bytes down to pages, and not when it has stored another number", () => {
    const [memory, pids] = planCeiling(ceiling, UNIFIED);
    if (memory === undefined || pids === undefined) throw new Error("two files are expected");
    expect(holds(memory, "22748848128")).toBe(true);
    expect(holds(memory, "22748786278")).toBe(false);
    expect(holds(memory, "22748855910")).toBe(false);
    expect(holds(memory, "max")).toBe(false);
    expect(holds(pids, "29491")).toBe(true);
    expect(holds(pids, "29490")).toBe(false);
  });
});
