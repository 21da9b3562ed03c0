import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where a merged /usr is found too: the name of each link, and what it leads to. */
export const USR_LINKS = [
  ["bin", "usr/bin"],
  ["sbin", "usr/sbin"],
  ["lib", "usr/lib"],
  ["lib64", "usr/lib64"],
] as const;

const CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
const SAFE = ["nosuid", "nodev"];

/**
 * Makes an OCI bundle that crun and runc run `true` in: their own defaults (`runc spec`), but for what makes it the
 * job that rnx runs. The root is the host's /usr, there is a user namespace with 65,536 ids, and a limit on processes.
 */
export function makeBundle(directory: string): void {
  const rootfs = join(directory, "rootfs");
  for (const name of ["usr", "proc", "dev", "tmp"]) mkdirSync(join(rootfs, name), { recursive: true });
  for (const [name, target] of USR_LINKS) symlinkSync(target, join(rootfs, name));
  // Root in the user namespace is nobody here, and has to get through.
  for (const path of [directory, rootfs]) chmodSync(path, 0o755);
  writeFileSync(join(directory, "config.json"), JSON.stringify(makeConfig(), null, 2));
}

function makeConfig(): object {
  const ids = [{ containerID: 0, hostID: 524_288, size: 65_536 }];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ["true"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      cwd: "/",
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "job",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      tmpfs("/dev", ["nosuid", "strictatime", "mode=755", "size=64m"]),
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
      },
      tmpfs("/dev/shm", [...SAFE, "noexec", "mode=1777", "size=64m"]),
      tmpfs("/tmp", [...SAFE, "mode=1777", "size=64m"]),
      { destination: "/usr", type: "bind", source: "/usr", options: ["rbind", "ro", ...SAFE] },
    ],
    linux: {
      namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup", "user"].map((type) => ({ type })),
      uidMappings: ids,
      gidMappings: ids,
      resources: { devices: [{ allow: false, access: "rwm" }], pids: { limit: 4096 } },
      maskedPaths: [
        "/proc/acpi",
        "/proc/kcore",
        "/proc/keys",
        "/proc/timer_list",
        "/proc/sched_debug",
        "/proc/scsi",
      ],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

function tmpfs(destination: string, options: readonly string[]): object {
  return { destination, type: "tmpfs", source: "tmpfs", options };
}
