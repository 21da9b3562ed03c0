import { CAPABILITY } from "../linux/constants.ts";
import { ALL_CAPABILITIES, type CapabilityName } from "./capabilities.ts";
import { flags, slot, type Step, step, writeSetting } from "./step.ts";

/** Whose ids a job has: a range of 65,536 host ids in a user namespace of its own, or the host's own ids. */
export interface Identity {
  /** The host's uid and gid that are 0 in the job. */
  readonly firstId: number;
  readonly hasUserNamespace: boolean;
}

/** How many ids a job's user namespace maps; 65534 (nobody) has to be among them. */
export const ID_RANGE_SIZE = 65_536;

/**
 * Settings of a user namespace, made by its first process before anything else runs in it. Nested user
 * namespaces are a way to full capabilities over new namespaces, and so to kernel bugs; inotify instances and
 * watches are charged to the namespace's creator too, and a job must not use up the host's.
 */
const NAMESPACE_SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ["max_user_namespaces", "0"],
  ["max_inotify_instances", "64"],
  ["max_inotify_watches", "8192"],
];

/**
 * The process that holds a new user namespace open while the parent maps its ids: it settles the namespace,
 * says so, and waits for the lifeline's end (or to be killed). /proc/sys may be read-only where rnx itself runs
 * in a container.
 */
export function planUserNamespaceHolder(): Step[] {
  return [
    step("take lifeline descriptor", "dup3", [
      { inherited: "lifeline" },
      slot("lifeline"),
      flags("O_CLOEXEC"),
    ]),
    step("take ready descriptor", "dup3", [{ inherited: "ready" }, slot("ready"), flags("O_CLOEXEC")]),
    step("close inherited descriptors", "close_range", [0, 63, 0]),
    step("close descriptors above", "close_range", [66, 0xffff_ffff, 0]),
    // The next descriptor opened has to be 3.
    ...[0, 1, 2].map((fd) => step(`fill descriptor ${fd}`, "dup3", [slot("lifeline"), fd, 0])),
    ...NAMESPACE_SETTINGS.flatMap(([name, value]) =>
      writeSetting(`set user.${name}`, `/proc/sys/user/${name}`, value, ["EROFS", "EACCES", "ENOENT"]),
    ),
    step("tell the parent", "write", [slot("ready"), ".", 1]),
    step("close ready", "close", [slot("ready")]),
    step("wait for the lifeline's end", "read", [
      slot("lifeline"),
      { struct: "byte", bytes: new Uint8Array(1) },
      1,
    ]),
  ];
}

/** Enters the job's user namespace (the last thing that needs the host's root) and drops every group. */
export function planIdentity(identity: Identity): Step[] {
  const enter = step("enter user namespace", "setns", [slot("userNamespace"), flags("CLONE_NEWUSER")]);
  return [
    ...(identity.hasUserNamespace ? [enter] : []),
    step("drop supplementary groups", "setgroups", [0, 0]),
    step("set group id", "setresgid", [0, 0, 0]),
    step("set user id", "setresuid", [0, 0, 0]),
  ];
}

/**
 * Leaves the given capabilities and no others, in all five sets, to this process and to what it executes; inheritable
 * and ambient stay empty.
 */
export function planCapabilities(kept: readonly CapabilityName[]): Step[] {
  const dropped = ALL_CAPABILITIES.filter((name) => !kept.includes(name));
  return [
    // EINVAL: a capability newer than the kernel.
    ...dropped.map((name) =>
      step(`drop ${name}`, "prctl", [flags("PR_CAPBSET_DROP"), flags(name), 0, 0, 0], ["EINVAL"]),
    ),
    ...setCapabilities(kept),
  ];
}

/**
 * Takes every capability from this process for good: with SECBIT_NOROOT user id 0 gains none at execve. For PID 1;
 * a job's root is to keep what planCapabilities leaves.
 */
export function planNoCapabilities(): Step[] {
  return [
    step("make root ordinary", "prctl", [
      flags("PR_SET_SECUREBITS"),
      flags("SECBIT_NOROOT", "SECBIT_NOROOT_LOCKED"),
      0,
      0,
      0,
    ]),
    ...setCapabilities([]),
  ];
}

function setCapabilities(kept: readonly CapabilityName[]): Step[] {
  const sets = Buffer.alloc(24); // two of struct __user_cap_data_struct: effective, permitted, inheritable
  for (const name of kept) {
    const word = CAPABILITY[name] < 32 ? 0 : 12;
    const bit = 1 << (CAPABILITY[name] & 31);
    sets.writeInt32LE(sets.readInt32LE(word) | bit, word);
    sets.writeInt32LE(sets.readInt32LE(word + 4) | bit, word + 4);
  }
  const header = Buffer.alloc(8); // struct __user_cap_header_struct: version, pid
  header.writeUInt32LE(CAPABILITY._LINUX_CAPABILITY_VERSION_3, 0);
  return [
    step("clear ambient capabilities", "prctl", [
      flags("PR_CAP_AMBIENT"),
      flags("PR_CAP_AMBIENT_CLEAR_ALL"),
      0,
      0,
      0,
    ]),
    step("set capabilities", "capset", [
      { struct: "capability header", bytes: header },
      { struct: `capabilities ${kept.join(" ") || "none"}`, bytes: sets },
    ]),
  ];
}
