import { type IsOptional, refuseUnsupported } from "../cgroups/apply.ts";
import { readLimitFacts } from "../cgroups/facts.ts";
import { type CgroupHost, readCgroupHost } from "../cgroups/hierarchy.ts";
import { type LimitPlan, planLimits } from "../cgroups/limits.ts";
import { StartError } from "../errors.ts";
import { findText, isAtLeast, OLDEST_FOR_RUNTIMES, OLDEST_KERNEL, readKernelVersion } from "../host/facts.ts";
import { RESOURCE } from "../linux/constants.ts";
import { getResourceLimit } from "../linux/process.ts";
import { resolveRuntime } from "../runtimes/resolve.ts";
import { type ResourceLimit, WANTED_RESOURCE_LIMITS } from "../sandbox/process.ts";
import type { HostRoot, RuntimeRoot } from "../sandbox/rootfs.ts";
import { SLOTS_END } from "../sandbox/step.ts";
import { requireFreeDisk } from "../state/free-disk.ts";
import type { Config } from "../state/config.ts";
import { getHome } from "../state/paths.ts";
import { readHostRoot } from "./host-root.ts";
import type { JobSpec } from "./spec.ts";

/** A job's wishes, with everything they name found on this host. Made by reading alone. */
export interface ResolvedJob {
  readonly spec: JobSpec;
  readonly root: HostRoot | RuntimeRoot;
  /** NAME@VERSION, or null for the host's /usr. */
  readonly runtime: string | null;
  /** The runtime's own variables. */
  readonly runtimeEnvironment: Readonly<Record<string, string>>;
  readonly cgroupHost: CgroupHost;
  readonly limitPlan: LimitPlan;
  /** Whether a limit that cannot be held is a warning: with --best-effort, and for the default that nobody asked for. */
  readonly isOptionalLimit: IsOptional;
  /** What this host cannot do of what was asked for, and the job runs all the same. */
  readonly warnings: readonly string[];
  readonly resourceLimits: readonly ResourceLimit[];
  /** Size of /tmp and of /dev/shm, bytes. */
  readonly temporaryBytes: number;
  /** The host's /etc/resolv.conf, where the job shares the host's network. */
  readonly resolverConfiguration: string | undefined;
}

/** Finds what a job names. Throws StartError(125) for what this host does not have or cannot do. */
export async function resolveJob(spec: JobSpec, config: Config): Promise<ResolvedJob> {
  requireKernel(spec);
  requireOwnLimits();
  requireFreeDisk(getHome(), config.minFree);
  const runtime = spec.runtime === undefined ? undefined : await resolveRuntime(spec.runtime);
  const cgroupHost = readCgroupHost();
  const facts = readLimitFacts(spec.limits, cgroupHost, getHome());
  const limitPlan = planLimits(spec.limits, cgroupHost, facts);
  const isOptionalLimit: IsOptional = (setting) =>
    spec.bestEffort || (setting === "--max-pids" && spec.maxPidsIsDefault);
  return {
    spec,
    root: runtime === undefined ? readHostRoot() : { kind: "runtime", tree: runtime.root },
    runtime: runtime === undefined ? null : `${runtime.name}@${runtime.version}`,
    runtimeEnvironment: runtime?.environment ?? {},
    cgroupHost,
    limitPlan,
    isOptionalLimit,
    warnings: refuseUnsupported(limitPlan.unsupported, isOptionalLimit),
    resourceLimits: clampResourceLimits(),
    temporaryBytes: temporaryBytes(spec.limits.memoryBytes),
    resolverConfiguration: spec.network === "host" ? findText("/etc/resolv.conf") : undefined,
  };
}

function requireKernel(spec: JobSpec): void {
  const kernel = readKernelVersion();
  if (!isAtLeast(kernel, OLDEST_KERNEL)) {
    throw new StartError(
      `the kernel is too old: ${kernel.release}, and rnx needs ${OLDEST_KERNEL.join(".")}`,
    );
  }
  if (!spec.userNamespace) return;
  if (spec.runtime !== undefined && !isAtLeast(kernel, OLDEST_FOR_RUNTIMES)) {
    const needed = OLDEST_FOR_RUNTIMES.join(".");
    throw new StartError(`a runtime in a user namespace needs Linux ${needed}, this is ${kernel.release}`, {
      hint: "--userns=off runs it without; root in the job is then root of the host",
    });
  }
  if (findText("/proc/sys/user/max_user_namespaces")?.trim() === "0") {
    throw new StartError("user namespaces are switched off: user.max_user_namespaces is 0", {
      hint: "sysctl -w user.max_user_namespaces=15000",
    });
  }
}

/** A record and the first lines of a log. */
const LEAST_FILE_BYTES = 1024 * 1024;

/** Refuses a caller's ulimit under which no job could be started or recorded. */
function requireOwnLimits(): void {
  const files = getResourceLimit(RESOURCE.RLIMIT_NOFILE).soft;
  if (files < SLOTS_END) {
    throw new StartError(`the limit of open files is too low: ${files}`, { hint: "ulimit -n 1024" });
  }
  const size = getResourceLimit(RESOURCE.RLIMIT_FSIZE).soft;
  if (size < LEAST_FILE_BYTES) {
    throw new StartError(`the limit of file size is too low: ${size} bytes`, { hint: "ulimit -f unlimited" });
  }
}

/** The wanted limits, none above what this process may give: raising a hard limit needs CAP_SYS_RESOURCE. */
function clampResourceLimits(): readonly ResourceLimit[] {
  return WANTED_RESOURCE_LIMITS.map(({ resource, soft, hard }) => {
    const own = getResourceLimit(RESOURCE[resource]).hard;
    return { resource, soft: Math.min(soft, own), hard: Math.min(hard, own) };
  });
}

const MEBIBYTE = 1024 * 1024;
const LEAST_TEMPORARY_BYTES = 64 * MEBIBYTE;
const MOST_TEMPORARY_BYTES = 512 * MEBIBYTE;

/** What is written there is charged to the job: a quarter of the memory it may have, from 64 to 512 MiB. */
function temporaryBytes(memoryBytes = Infinity): number {
  const quarter = Math.floor(memoryBytes / 4);
  return Math.max(LEAST_TEMPORARY_BYTES, Math.min(MOST_TEMPORARY_BYTES, quarter));
}
