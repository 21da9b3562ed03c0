/**
 * What a sandbox is: three lists of system calls, in the order in which they are made. Pure; launch.ts runs it,
 * explain.ts prints it.
 *
 *   holder  the first process of the job's user namespace: holds it open while the parent maps its ids
 *   init    PID 1 of a new pid namespace: makes the others and all mounts, then becomes the pause program
 *   job     joins the sandbox, then becomes the command
 *
 * The user namespace is entered last. Every other namespace so belongs to the initial user namespace, and root in
 * the job, whatever its capabilities, can neither mount, nor set the host name, nor configure the network.
 */
import type { CapabilityName } from "./capabilities.ts";
import { planDev, planDevContents } from "./dev.ts";
import {
  type Identity,
  planCapabilities,
  planIdentity,
  planNoCapabilities,
  planUserNamespaceHolder,
} from "./identity.ts";
import { planLoopback } from "./network.ts";
import { planCgroupMount, planProc, planProcMasks, planSys, planSysReadOnly } from "./proc.ts";
import {
  type Command,
  planCloseOnExec,
  planCommand,
  planNoNewPrivileges,
  planOomScore,
  planPause,
  planReaping,
  planResourceLimits,
  planSignalReset,
  type ResourceLimit,
} from "./process.ts";
import {
  type GeneratedFile,
  type HostRoot,
  planPivot,
  planRoot,
  planWorkAndTmp,
  type RuntimeRoot,
  type SandboxDirectories,
} from "./rootfs.ts";
import {
  closeInherited,
  type ConstantName,
  flags,
  inheritToSlot,
  mode,
  slot,
  type Step,
  step,
  writeSetting,
} from "./step.ts";

/** All that decides what a sandbox looks like. */
export interface SandboxInput {
  readonly hostname: string;
  readonly root: HostRoot | RuntimeRoot;
  readonly directories: SandboxDirectories;
  readonly generatedFiles: readonly GeneratedFile[];
  readonly identity: Identity;
  readonly network: "none" | "host";
  /** Sizes of /tmp and /dev/shm in bytes. */
  readonly temporaryBytes: number;
  readonly sharedMemoryBytes: number;
  readonly resourceLimits: readonly ResourceLimit[];
  readonly capabilities: readonly CapabilityName[];
  readonly command: Command;
}

/** A sandbox as data. */
export interface SandboxPlan {
  readonly identity: Identity;
  readonly holder: readonly Step[];
  readonly init: readonly Step[];
  readonly job: readonly Step[];
}

/**
 * Plans the whole sandbox. `cgroupJoinFiles` are v1 `tasks` files that the job writes itself into; there are none where
 * every controller is on cgroup v2.
 */
export function planSandbox(input: SandboxInput, cgroupJoinFiles: readonly string[]): SandboxPlan {
  const { identity } = input;
  return {
    identity,
    holder: identity.hasUserNamespace ? planUserNamespaceHolder() : [],
    init: planInit(input),
    job: planJob(input, cgroupJoinFiles),
  };
}

/** What the job has of its own: all but the network, which it may share with the host. */
function ownNamespaces(input: SandboxInput): ConstantName[] {
  const network = input.network === "host" ? [] : (["CLONE_NEWNET"] as const);
  return ["CLONE_NEWNS", "CLONE_NEWUTS", "CLONE_NEWIPC", ...network];
}

/** The steps of PID 1. It stays in the caller's cgroup: it uses nothing, and so need not wait for the job's. */
export function planInit(input: SandboxInput): Step[] {
  const { identity } = input;
  return [
    inheritToSlot("lifeline"),
    inheritToSlot("ready"),
    inheritToSlot("initProgram"),
    ...(identity.hasUserNamespace ? [inheritToSlot("userNamespace")] : []),
    closeInherited,
    // What is made for the sandbox has the permissions that stand in its step.
    step("set umask", "umask", [mode(0)]),
    // Here and not by clone3, which would make them in the parent's time: a network namespace takes 0.4 ms.
    step("new namespaces", "unshare", [flags(...ownNamespaces(input))]),
    // Before any mount: none may reach the host.
    step("make mounts private", "mount", ["none", "/", 0, flags("MS_REC", "MS_PRIVATE"), 0]),
    ...planRoot(input.root, input.directories, identity, input.generatedFiles),
    ...planWorkAndTmp(input.directories, input.temporaryBytes),
    ...planDev(),
    ...planProc(),
    ...planSys(),
    ...planPivot(),
    ...planDevContents(identity, input.sharedMemoryBytes),
    ...(input.network === "host" ? [] : planLoopback(identity)),
    ...planProcMasks(),
    planSysReadOnly(),
    step("set host name", "sethostname", [input.hostname, Buffer.byteLength(input.hostname)]),
    step("new session", "setsid", []),
    step("lifeline to standard input", "dup3", [slot("lifeline"), 0, 0]),
    ...[1, 2].map((fd) => step(`close descriptor ${fd}`, "close", [fd], ["EBADF"])),
    planReaping(),
    ...planIdentity(identity),
    ...planNoCapabilities(),
    ...planNoNewPrivileges(),
    planCloseOnExec(),
    planPause(),
  ];
}

/** umask(2) of a job, as of a login. */
const JOB_UMASK = 0o022;

/** The steps of the job. */
export function planJob(input: SandboxInput, cgroupJoinFiles: readonly string[]): Step[] {
  const { identity } = input;
  return [
    ...(["stdin", "stdout", "stderr"] as const).map((name, fd) =>
      step(`take ${name}`, "dup3", [{ inherited: name }, fd, 0]),
    ),
    inheritToSlot("init"),
    inheritToSlot("ready"),
    ...(identity.hasUserNamespace ? [inheritToSlot("userNamespace")] : []),
    closeInherited,
    step("set umask", "umask", [mode(JOB_UMASK)]),
    // While the host's cgroup mounts are still in sight. A v2 group was entered by clone3.
    ...cgroupJoinFiles.flatMap((path) => writeSetting("enter cgroup", path, "0")),
    step("join the sandbox", "setns", [slot("init"), flags(...ownNamespaces(input))]),
    // The cgroup that this process is in becomes "/" of what the job sees.
    step("new cgroup namespace", "unshare", [flags("CLONE_NEWCGROUP")]),
    planCgroupMount(),
    step("new session", "setsid", []),
    ...planOomScore(),
    ...planSignalReset(),
    ...planResourceLimits(input.resourceLimits),
    ...planIdentity(identity),
    ...planCapabilities(input.capabilities),
    ...planNoNewPrivileges(),
    // A seccomp filter belongs here: after no_new_privs, before the calls that it has to allow anyway.
    planCloseOnExec(),
    ...planCommand(input.command),
  ];
}
