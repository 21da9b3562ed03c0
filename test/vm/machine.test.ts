import { expect } from "bun:test";
import { readFileSync, statfsSync } from "node:fs";
import { IS_IN_VM, requires } from "../support/requires.ts";

const inMachine = requires(IS_IN_VM, "looks at the test machine from inside");
const CGROUP2_MAGIC = 0x63677270;

inMachine("systemd is PID 1 of the test machine", () => {
  expect(readFileSync("/proc/1/comm", "utf8")).toBe("systemd\n");
});

inMachine("the unified cgroup hierarchy has every controller that a limit needs", () => {
  expect(statfsSync("/sys/fs/cgroup").type).toBe(CGROUP2_MAGIC);
  const controllers = readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim().split(" ");
  expect(controllers).toEqual(expect.arrayContaining(["cpu", "cpuset", "io", "memory", "pids"]));
});
