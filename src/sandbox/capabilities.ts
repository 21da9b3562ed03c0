import { CAPABILITY } from "../linux/constants.ts";

/** A capability by its name in linux/capability.h. */
export type CapabilityName = Exclude<keyof typeof CAPABILITY, "CAP_LAST_CAP" | "_LINUX_CAPABILITY_VERSION_3">;

/**
 * What root in a job may do, inside its own user namespace only: own and serve files, change to other ids of its
 * range, signal its processes. apt, su and tar need no more. Never in any set: SYS_ADMIN, SYS_PTRACE (with it a
 * job could write the memory of a process that joins it), DAC_READ_SEARCH (open_by_handle_at), NET_ADMIN.
 */
export const DEFAULT_CAPABILITIES: readonly CapabilityName[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_SYS_CHROOT",
];

/** What --cap-add may add: the rest of Docker's default set. */
export const ADDABLE_CAPABILITIES: readonly CapabilityName[] = [
  "CAP_AUDIT_WRITE",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
];

/** Every capability that the headers know. */
export const ALL_CAPABILITIES = (Object.keys(CAPABILITY) as (keyof typeof CAPABILITY)[]).filter(
  (name): name is CapabilityName => name !== "CAP_LAST_CAP" && name !== "_LINUX_CAPABILITY_VERSION_3",
);
