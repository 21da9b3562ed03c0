import { type CgroupHost, type Controller, TREE, V1_NAMES } from "./hierarchy.ts";

/** What a person does about a host whose cgroups cannot hold a job: commands, or a kernel option. Pure. */

const KERNEL_OPTIONS: Readonly<Record<Controller, string>> = {
  cpu: "CONFIG_CFS_BANDWIDTH",
  cpuset: "CONFIG_CPUSETS",
  memory: "CONFIG_MEMCG",
  pids: "CONFIG_CGROUP_PIDS",
  io: "CONFIG_BLK_DEV_THROTTLING",
};

/** Without a cgroup2 mount no job can be tracked. */
export const MEND_NO_UNIFIED =
  "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified";

/** What brings a controller to a host that has it nowhere. */
export function mendMissingController(controller: Controller, host: CgroupHost): string {
  const name = V1_NAMES[controller];
  if (host.mode === "unified") {
    return `boot without cgroup_disable=${name}, with a kernel that has ${KERNEL_OPTIONS[controller]}`;
  }
  const mount = `/sys/fs/cgroup/${name}`;
  return `mkdir -p ${mount} && mount -t cgroup -o ${name} ${name} ${mount}`;
}

/** What makes a controller's file appear: on v2 it lacks when the tree has not enabled the controller. */
export function mendAbsentFile(controller: Controller, host: CgroupHost): string {
  const home = host.controllers[controller];
  if (home?.version !== 2) return `use a kernel that has ${KERNEL_OPTIONS[controller]}`;
  const files = ["", `/${TREE}`].map((group) => `${home.mount}${group}/cgroup.subtree_control`);
  return `echo +${controller} | tee ${files.join(" ")}`;
}

/** What lets directories be made in a hierarchy that is mounted read-only, as in most containers. */
export function mendReadOnly(mount: string): string {
  return `mount -o remount,rw ${mount}`;
}
