import { existsSync } from "node:fs";
import { type Check, failed, type Finding, ok, warning } from "./check.ts";
import {
  findText,
  isAtLeast,
  type KernelVersion,
  OLDEST_FOR_RUNTIMES,
  OLDEST_KERNEL,
  readKernelVersion,
} from "./facts.ts";

/** The kernel's version, its namespaces, and overlayfs. */
export const KERNEL_CHECKS: readonly Check[] = [
  { name: "kernel", run: () => judgeKernel(readKernelVersion()) },
  { name: "namespaces", run: checkNamespaces },
  { name: "user namespaces", run: checkUserNamespace },
  { name: "overlayfs", run: checkOverlay },
];

/** Whether jobs can run on a kernel of this version, and whether with runtimes. */
export function judgeKernel(version: KernelVersion): Finding {
  const { release } = version;
  const mend = `install a kernel of version ${OLDEST_FOR_RUNTIMES.join(".")} or newer`;
  if (!isAtLeast(version, OLDEST_KERNEL)) return failed(`${release} is too old`, mend);
  if (isAtLeast(version, OLDEST_FOR_RUNTIMES)) return ok(release);
  return warning(
    `${release} has no overlay on idmapped layers: a job with a runtime needs --userns=off`,
    mend,
  );
}

const NAMESPACES = ["mnt", "pid", "ipc", "uts", "net", "cgroup"] as const;

function checkNamespaces(): Finding {
  const findings = NAMESPACES.map(checkNamespace);
  return findings.find(({ state }) => state !== "ok") ?? ok(NAMESPACES.join(" "));
}

function checkUserNamespace(): Finding {
  const finding = checkNamespace("user");
  return finding.state === "ok"
    ? finding
    : { ...finding, state: "warning", detail: `${finding.detail}: jobs need --userns=off` };
}

function checkNamespace(name: string): Finding {
  if (!existsSync(`/proc/self/ns/${name}`)) {
    return failed(`the kernel has no ${name} namespaces`, `use a kernel that has ${name} namespaces`);
  }
  const setting = `user.max_${name}_namespaces`;
  const maximum = findText(`/proc/sys/${setting.replace(".", "/")}`)?.trim();
  return maximum === "0" ? failed(`${setting} is 0`, `sysctl -w ${setting}=15000`) : ok(`at most ${maximum}`);
}

function checkOverlay(): Finding {
  const { release } = readKernelVersion();
  if (findText("/proc/filesystems")?.includes("\toverlay\n")) return ok("built in or loaded");
  const lists = ["modules.dep", "modules.builtin"].map((name) => findText(`/lib/modules/${release}/${name}`));
  if (lists.some((list) => list?.includes("/overlay.ko"))) return ok("a module, loaded at the first mount");
  return failed("the kernel has no overlayfs", "use a kernel that has CONFIG_OVERLAY_FS");
}
