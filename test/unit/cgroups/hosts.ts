import type { CgroupHost } from "../../../src/cgroups/hierarchy.ts";

const V2 = { version: 2, mount: "/sys/fs/cgroup" } as const;

/** Everything in cgroup v2, as systemd mounts it. */
export const UNIFIED: CgroupHost = {
  mode: "unified",
  unified: "/sys/fs/cgroup",
  controllers: { cpu: V2, cpuset: V2, memory: V2, pids: V2, io: V2 },
};

/** Every controller in a v1 hierarchy of its own, beside an empty cgroup2. */
export const HYBRID: CgroupHost = {
  mode: "hybrid",
  unified: "/sys/fs/cgroup/unified",
  controllers: {
    cpu: { version: 1, mount: "/sys/fs/cgroup/cpu" },
    cpuset: { version: 1, mount: "/sys/fs/cgroup/cpuset" },
    memory: { version: 1, mount: "/sys/fs/cgroup/memory" },
    pids: { version: 1, mount: "/sys/fs/cgroup/pids" },
    io: { version: 1, mount: "/sys/fs/cgroup/blkio" },
  },
};
