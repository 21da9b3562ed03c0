import { bindAt, createDirectories, makeReadOnly, mountAt } from "./mounts.ts";
import { flags, type Step, step } from "./step.ts";

/**
 * Files of /proc that tell or change the host: an empty /dev/null stands in their place. Docker's list, and what
 * gives addresses or contents of the kernel's memory, its modules, and the host's disks.
 */
const MASKED_FILES: readonly string[] = [
  "config.gz",
  "diskstats",
  "interrupts",
  "kallsyms",
  "kcore",
  "keys",
  "key-users",
  "kmsg",
  "kpagecgroup",
  "kpagecount",
  "kpageflags",
  "latency_stats",
  "mdstat",
  "modules",
  "partitions",
  "sched_debug",
  "slabinfo",
  "swaps",
  "timer_list",
  "timer_stats",
  "vmallocinfo",
];

/** Directories of /proc that describe the host's hardware: an empty read-only tmpfs stands in their place. */
const MASKED_DIRECTORIES: readonly string[] = ["acpi", "asound", "driver", "scsi"];

/** Parts of /proc that can be read but not written. */
const READ_ONLY: readonly string[] = ["bus", "fs", "irq", "pressure", "sys", "sysrq-trigger"];

/** A kernel without the feature does not have the file; every other failure ends the launch. */
const MAY_BE_ABSENT = ["ENOENT"] as const;

/** Mounts /proc for the new pid namespace. The target is a real directory: see mounts.ts. */
export function planProc(): Step[] {
  return mountAt("proc", "proc", ["MS_NOSUID", "MS_NODEV", "MS_NOEXEC"]);
}

/** Covers what a job must not see or change. After the pivot, and after /dev/null is there. */
export function planProcMasks(): Step[] {
  return [
    ...MASKED_FILES.map((name) =>
      step(
        `mask /proc/${name}`,
        "mount",
        ["/dev/null", `/proc/${name}`, 0, flags("MS_BIND"), 0],
        MAY_BE_ABSENT,
      ),
    ),
    ...MASKED_DIRECTORIES.map((name) =>
      step(
        `mask /proc/${name}`,
        "mount",
        // Some 5.4 kernels need a second inode for the root itself.
        [
          "tmpfs",
          `/proc/${name}`,
          "tmpfs",
          flags("MS_RDONLY", "MS_NOSUID", "MS_NODEV", "MS_NOEXEC"),
          "nr_inodes=2",
        ],
        MAY_BE_ABSENT,
      ),
    ),
    ...READ_ONLY.flatMap((name) => {
      const path = `/proc/${name}`;
      const attributes = ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV", "MOUNT_ATTR_NOEXEC"] as const;
      return [
        step(`bind ${path}`, "mount", [path, path, 0, flags("MS_BIND"), 0], MAY_BE_ABSENT),
        { ...makeReadOnly(path, attributes), tolerates: MAY_BE_ABSENT },
      ];
    }),
  ];
}

const SYS_MOUNT_FLAGS = ["MS_NOSUID", "MS_NODEV", "MS_NOEXEC"] as const;
const CGROUP_MOUNT_POINT = "sys/fs/cgroup";

/**
 * /sys is an empty tmpfs with what programs need to size themselves: the processors, and a place for the job's own
 * cgroup. The rest of sysfs describes the host.
 */
export function planSys(): Step[] {
  const attributes = [
    "MOUNT_ATTR_RDONLY",
    "MOUNT_ATTR_NOSUID",
    "MOUNT_ATTR_NODEV",
    "MOUNT_ATTR_NOEXEC",
  ] as const;
  return [
    ...mountAt("sys", "tmpfs", SYS_MOUNT_FLAGS, "mode=755,size=64k,nr_inodes=32"),
    ...bindAt("sys/devices/system/cpu", "/sys/devices/system/cpu", { attributes, recursive: false }),
    ...createDirectories(CGROUP_MOUNT_POINT),
  ];
}

/** Mounts the cgroup of the process that runs this step; in the sandbox, where the mount point is known to be ours. */
export function planCgroupMount(): Step {
  const target = `/${CGROUP_MOUNT_POINT}`;
  return step(`mount cgroup2 on ${target}`, "mount", [
    "cgroup2",
    target,
    "cgroup2",
    flags("MS_RDONLY", ...SYS_MOUNT_FLAGS),
    0,
  ]);
}

/** Ends the making of /sys. After the pivot. */
export function planSysReadOnly(): Step {
  return makeReadOnly("/sys", ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV", "MOUNT_ATTR_NOEXEC"]);
}
