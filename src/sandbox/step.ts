import type { SyscallName } from "../linux/abi.ts";
import type { ErrnoName } from "../linux/syscall.ts";
import {
  CAPABILITY,
  CLOSE_RANGE,
  FCNTL,
  KEYCTL,
  MOUNT,
  OPENAT2,
  PRCTL,
  RESOURCE,
  SCHED,
  SECUREBITS,
  SIGNAL,
  SOCKET,
  UMOUNT,
} from "../linux/constants.ts";

/** Every constant a step may name. */
export const CONSTANTS = {
  ...CAPABILITY,
  ...CLOSE_RANGE,
  ...FCNTL,
  ...KEYCTL,
  ...MOUNT,
  ...OPENAT2,
  ...PRCTL,
  ...RESOURCE,
  ...SCHED,
  ...SECUREBITS,
  ...SIGNAL,
  ...SOCKET,
  ...UMOUNT,
} as const;

export type ConstantName = keyof typeof CONSTANTS;

/**
 * The descriptors of a child, by number. A step that opens something gets 3, since everything between 2 and the
 * first kept slot is closed before; what has to stay open longer is moved to its own slot.
 */
export const SLOTS = {
  opened: 3,
  lifeline: 64,
  ready: 65,
  userNamespace: 66,
  initProgram: 67,
  init: 68,
  root: 69,
} as const;

export type SlotName = keyof typeof SLOTS;

/** The soft limit of open files that the slots need. */
export const SLOTS_END = 70;

/** A descriptor that the parent holds when it clones; its number is known at the launch only. */
export type InheritedName =
  "lifeline" | "ready" | "userNamespace" | "initProgram" | "init" | "stdin" | "stdout" | "stderr";

/** An argument of a system call in words that a person reads; launch.ts makes registers and memory of it. */
export type Argument =
  | number
  | string
  | { readonly flags: readonly ConstantName[] }
  | { readonly mode: number }
  | { readonly slot: SlotName }
  | { readonly inherited: InheritedName }
  | { readonly vector: readonly string[] }
  | { readonly struct: string; readonly words: readonly Argument[] }
  | { readonly struct: string; readonly bytes: Uint8Array };

/** One system call of a child: complete in itself, and labelled for the person who reads that it failed. */
export interface Step {
  readonly label: string;
  readonly call: SyscallName;
  readonly args: readonly Argument[];
  /** Failures after which the next step follows. */
  readonly tolerates: readonly ErrnoName[];
}

/** Makes a step. */
export function step(
  label: string,
  call: SyscallName,
  args: readonly Argument[],
  tolerates: readonly ErrnoName[] = [],
): Step {
  return { label, call, args, tolerates };
}

/** Or-ed constants, by name. */
export function flags(...names: readonly ConstantName[]): Argument {
  return { flags: names };
}

/** Permission bits, and the file type where mknod(2) wants it. */
export function mode(bits: number): Argument {
  return { mode: bits };
}

/** A descriptor slot of the child. */
export function slot(name: SlotName): Argument {
  return { slot: name };
}

/** Moves a descriptor of the parent to its slot in the child. */
export function inheritToSlot(name: InheritedName & SlotName): Step {
  return step(`take ${name} descriptor`, "dup3", [{ inherited: name }, slot(name), flags("O_CLOEXEC")]);
}

/** Closes what else the child inherited, so that the next descriptor opened is 3. */
export const closeInherited: Step = step("close inherited descriptors", "close_range", [
  SLOTS.opened,
  SLOTS.lifeline - 1,
  0,
]);

const closeOpened = step("close", "close", [slot("opened")]);

/** Writes a short text to a file that exists: a /proc or cgroup setting. */
export function writeSetting(
  label: string,
  path: string,
  text: string,
  tolerates: readonly ErrnoName[] = [],
): Step[] {
  return [
    step(`open ${path}`, "openat", [flags("AT_FDCWD"), path, flags("O_WRONLY", "O_CLOEXEC"), 0], tolerates),
    // After a tolerated failure to open, descriptor 3 is not there: EBADF belongs to that failure.
    step(
      label,
      "write",
      [slot("opened"), text, Buffer.byteLength(text)],
      [...tolerates, ...ifAny(tolerates)],
    ),
    { ...closeOpened, tolerates: ifAny(tolerates) },
  ];
}

function ifAny(tolerates: readonly ErrnoName[]): readonly ErrnoName[] {
  return tolerates.length > 0 ? ["EBADF"] : [];
}
