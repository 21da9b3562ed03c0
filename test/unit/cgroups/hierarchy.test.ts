import { expect, test } from "bun:test";
import { describeCgroupHost, parseCgroupMounts, readCgroupHost } from "../../../src/cgroups/hierarchy.ts";
import { HYBRID, UNIFIED } from "./hosts.ts";

const HYBRID_TEXT = `22 27 0:21 / /proc rw,relatime - proc proc rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;
const UNIFIED_TEXT =
  "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";

test("a unified host has every controller on the one mount", () => {
  const host = describeCgroupHost(
    parseCgroupMounts(UNIFIED_TEXT),
    "cpuset cpu io memory hugetlb pids rdma misc",
  );
  expect(host).toEqual(UNIFIED);
});

test("a hybrid host has its controllers in v1, and tracks in v2", () => {
  expect(describeCgroupHost(parseCgroupMounts(HYBRID_TEXT), "hugetlb")).toEqual(HYBRID);
});

test("a controller that v2 has is taken from there, also where a v1 hierarchy names it", () => {
  const host = describeCgroupHost(parseCgroupMounts(HYBRID_TEXT), "hugetlb memory");
  expect(host.controllers.memory).toEqual({ version: 2, mount: "/sys/fs/cgroup/unified" });
  expect(host.controllers.pids?.version).toBe(1);
  expect(host.mode).toBe("hybrid");
});

test("hierarchies that share a mount are found by their options, not by the directory's name", () => {
  const text =
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,xattr,cpu,cpuacct\n" + UNIFIED_TEXT;
  const host = describeCgroupHost(parseCgroupMounts(text), "memory");
  expect(host.controllers.cpu).toEqual({ version: 1, mount: "/sys/fs/cgroup/cpu,cpuacct" });
  expect(host.controllers.cpuset).toBeUndefined();
});

test("a named hierarchy beside cgroup2 does not make a host hybrid", () => {
  const text = UNIFIED_TEXT + "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n";
  expect(describeCgroupHost(parseCgroupMounts(text), "cpu").mode).toBe("unified");
});

test("a host without cgroup2 can track nothing", () => {
  const host = describeCgroupHost(parseCgroupMounts(HYBRID_TEXT.replace(/^41.*\n/m, "")), "");
  expect(host.mode).toBe("none");
  expect(host.unified).toBeUndefined();
  expect(host.controllers.memory?.version).toBe(1);
});

test("of several mounts the one that shows the whole hierarchy is taken", () => {
  const bound = "29 24 0:26 /user.slice /mnt/part rw - cgroup2 cgroup2 rw\n";
  expect(describeCgroupHost(parseCgroupMounts(bound + UNIFIED_TEXT), "").unified).toBe("/sys/fs/cgroup");
  expect(describeCgroupHost(parseCgroupMounts(bound), "").unified).toBe("/mnt/part");
});

test("this host has a cgroup2 mount that is really there", () => {
  const host = readCgroupHost();
  expect(host.mode).not.toBe("none");
  expect(host.unified).toStartWith("/");
});
