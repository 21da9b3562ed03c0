/**
 * Runs a plan. Three children of this process, in this order:
 *
 *   holder   cloned into a new user namespace; tells that it is settled, is mapped, gives its namespace's
 *            descriptor, and is killed
 *   init     cloned into the other namespaces and into the job's cgroup; CLONE_VFORK makes this thread wait until
 *            it has become the pause program or has failed
 *   job      cloned with this thread's child pid namespace set to init's; waits likewise
 *
 * Every process depends on the lifeline, a pipe whose writing end only this process keeps: when this process ends,
 * for whatever reason and at whatever step, holder and init read its end and exit, and the kernel ends the job with
 * its PID 1. No parent-death signal is needed, which a change of user id would clear.
 *
 * The children share this process's memory until they exec. No hostile code runs in the sandbox before the job's
 * own execve, and this process is made untraceable first, so nobody can write that memory.
 */
import { closeSync, fchmodSync, openSync, readSync, writeSync } from "node:fs";
import { ABI } from "../linux/abi.ts";
import { type CallRecord, type Clone, cloneChild } from "../linux/clone.ts";
import { FCNTL, MEMFD, POLL, SCHED, SIGNAL } from "../linux/constants.ts";
import { ERRNO } from "../linux/errno.ts";
import { duplicate, pipe, poll } from "../linux/files.ts";
import { Arena } from "../linux/memory.ts";
import { awaitKilled, forbidTracing, kill, openPidfd, setChildPidNamespace } from "../linux/process.ts";
import { errnoName, syscall, trySyscall } from "../linux/syscall.ts";
import { ID_RANGE_SIZE } from "./identity.ts";
import { makePauseProgram } from "./pause.ts";
import type { SandboxPlan } from "./plan.ts";
import { type Argument, CONSTANTS, type InheritedName, SLOTS, SLOTS_END, type Step } from "./step.ts";

/** A step of one of the children failed. The label and the errno are for the person; see describeStepFailure. */
export class StepFailure extends Error {
  override readonly name = "StepFailure";
  readonly process: "holder" | "init" | "job";
  readonly step: Step;
  readonly errno: number;
  /** The failures of earlier steps with the same label that were tolerated: an execve for each PATH directory. */
  readonly toleratedErrnos: readonly number[];

  constructor(
    process: StepFailure["process"],
    steps: readonly Step[],
    clone: Clone,
    index: number,
    errno: number,
  ) {
    const step = steps[index]!;
    super(`sandbox: ${step.label}: ${errnoName(errno)} (${errno})`);
    this.process = process;
    this.step = step;
    this.errno = errno;
    this.toleratedErrnos = steps
      .map((other, i) => (i < index && other.label === step.label ? clone.toleratedErrno(i) : 0))
      .filter((tolerated) => tolerated !== 0);
  }
}

type Inherited = Partial<Readonly<Record<InheritedName, number>>>;

/** A sandbox that stands: its PID 1 waits for the lifeline's end. Close it, whatever happens. */
export class Sandbox implements AsyncDisposable {
  readonly initPid: number;
  readonly #plan: SandboxPlan;
  readonly #cgroup: number | undefined;
  readonly #lifeline: number;
  readonly #userNamespace: number | undefined;

  constructor(
    initPid: number,
    plan: SandboxPlan,
    resources: { cgroup: number | undefined; lifeline: number; userNamespace: number | undefined },
  ) {
    this.initPid = initPid;
    this.#plan = plan;
    this.#cgroup = resources.cgroup;
    this.#lifeline = resources.lifeline;
    this.#userNamespace = resources.userNamespace;
  }

  /**
   * Starts the job in the sandbox; its three streams are descriptors of this process, which keeps them open.
   * Returns the job's pid. Throws StepFailure.
   */
  startJob(stdio: { readonly stdin: number; readonly stdout: number; readonly stderr: number }): number {
    const init = openPidfd(this.initPid);
    const ownPidNamespace = openSync("/proc/self/ns/pid", "r");
    const inherited: Inherited = { ...stdio, init, ...definedUserNamespace(this.#userNamespace) };
    try {
      setChildPidNamespace(init);
      const job = runSteps("job", this.#plan.job, inherited, this.#cgroup, WAITS_FOR_EXEC);
      return job.pid;
    } finally {
      setChildPidNamespace(ownPidNamespace);
      closeSync(ownPidNamespace);
      closeSync(init);
    }
  }

  /** Kills PID 1, and with it everything in the sandbox; returns when it is reaped. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#lifeline);
    if (this.#userNamespace !== undefined) closeSync(this.#userNamespace);
    kill(this.initPid, SIGNAL.SIGKILL);
    await reap(this.initPid);
  }

  #isClosed = false;

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * The sandbox's root and mount namespace as descriptors, which keep its files in reach after its processes have
   * ended; the caller closes them.
   */
  openFiles(): { readonly root: number; readonly mountNamespace: number } {
    const mountNamespace = openSync(`/proc/${this.initPid}/ns/mnt`, "r");
    return { root: openSync(`/proc/${this.initPid}/root`, FCNTL.O_PATH | FCNTL.O_DIRECTORY), mountNamespace };
  }
}

/** The child shares the memory, and this thread waits until it has exec'd or ended. */
const WAITS_FOR_EXEC = SCHED.CLONE_VM + SCHED.CLONE_VFORK + SCHED.CLONE_CLEAR_SIGHAND;

/** How long the thread waits for a PID 1 that was killed before the event loop gets its turn. */
const REAP_WAIT_MS = 5;

/** Waits for the end of PID 1: it comes when the kernel has ended all of its pid namespace. */
async function reap(pid: number): Promise<void> {
  const pidfd = openPidfd(pid);
  while (poll(pidfd, POLL.POLLIN, REAP_WAIT_MS) === 0) await Bun.sleep(0);
  closeSync(pidfd);
  awaitKilled(pid);
}

function definedUserNamespace(fd: number | undefined): Inherited {
  return fd === undefined ? {} : { userNamespace: fd };
}

/**
 * Makes the sandbox of a plan: user namespace, then PID 1 with all its mounts. `cgroup` is a descriptor of the
 * job's cgroup2 directory. Throws StepFailure or SystemCallError, and leaves no process behind then.
 */
export function launchSandbox(plan: SandboxPlan, cgroup: number | undefined): Sandbox {
  forbidTracing();
  const lifeline = pipe();
  let userNamespace: number | undefined;
  let initProgram: number | undefined;
  try {
    userNamespace = plan.identity.hasUserNamespace ? makeUserNamespace(plan, lifeline.readEnd) : undefined;
    initProgram = makeInitProgram();
    const inherited: Inherited = {
      lifeline: lifeline.readEnd,
      initProgram,
      ...definedUserNamespace(userNamespace),
    };
    const namespaces = plan.namespaces.reduce((bits, name) => bits | CONSTANTS[name], 0);
    const init = runSteps("init", plan.init, inherited, cgroup, WAITS_FOR_EXEC + namespaces);
    return new Sandbox(init.pid, plan, { cgroup, lifeline: lifeline.writeEnd, userNamespace });
  } catch (error) {
    closeSync(lifeline.writeEnd);
    if (userNamespace !== undefined) closeSync(userNamespace);
    throw error;
  } finally {
    closeSync(lifeline.readEnd);
    if (initProgram !== undefined) closeSync(initProgram);
  }
}

/** MFD_EXEC of linux/memfd.h: since Linux 6.3, newer than the headers that constants.ts is made from. */
const MFD_EXEC = 0x10;

/**
 * The pause program in a sealed memfd. Nobody may read it but the host's root, so the kernel makes its process
 * undumpable at execve: the job cannot open /proc/1/fd and hold the lifeline's other end.
 */
function makeInitProgram(): number {
  const arena = new Arena();
  const name = arena.string("rnx-init");
  const flags = MEMFD.MFD_CLOEXEC | MEMFD.MFD_ALLOW_SEALING;
  let fd = trySyscall("memfd_create", name, flags | MFD_EXEC);
  if (fd === -ERRNO.EINVAL) fd = syscall("memfd_create", name, flags);
  writeSync(fd, makePauseProgram(ABI));
  fchmodSync(fd, 0o111);
  const seals = FCNTL.F_SEAL_SEAL | FCNTL.F_SEAL_SHRINK | FCNTL.F_SEAL_GROW | FCNTL.F_SEAL_WRITE;
  syscall("fcntl", fd, FCNTL.F_ADD_SEALS, seals);
  return fd;
}

/** A user namespace with the identity's ids, as a descriptor; no process is left in it. */
function makeUserNamespace(plan: SandboxPlan, lifeline: number): number {
  const ready = pipe();
  const arena = new Arena();
  const flags = SCHED.CLONE_NEWUSER + SCHED.CLONE_VM + SCHED.CLONE_CLEAR_SIGHAND;
  const holder = cloneSteps(arena, plan.holder, { lifeline, ready: ready.writeEnd }, undefined, flags);
  closeSync(ready.writeEnd);
  try {
    const isSettled = readSync(ready.readEnd, new Uint8Array(1)) === 1;
    if (!isSettled) throwFailure("holder", plan.holder, holder);
    const map = `0 ${plan.identity.firstId} ${ID_RANGE_SIZE}`;
    for (const file of ["uid_map", "gid_map"]) writeExisting(`/proc/${holder.pid}/${file}`, map);
    return openSync(`/proc/${holder.pid}/ns/user`, "r");
  } finally {
    closeSync(ready.readEnd);
    kill(holder.pid, SIGNAL.SIGKILL);
    awaitKilled(holder.pid);
  }
}

function writeExisting(path: string, text: string): void {
  const fd = openSync(path, "r+");
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

/** About what the records and strings of a plan take. */
const PLAN_BYTES = 64 * 1024;

/** Clones a child that runs the steps up to its execve, and waits for that. */
function runSteps(
  process: StepFailure["process"],
  steps: readonly Step[],
  inherited: Inherited,
  cgroup: number | undefined,
  flags: number,
): Clone {
  const child = cloneSteps(new Arena(PLAN_BYTES), steps, inherited, cgroup, flags);
  if (child.failure() !== undefined) {
    awaitKilled(child.pid);
    throwFailure(process, steps, child);
  }
  return child;
}

function throwFailure(process: StepFailure["process"], steps: readonly Step[], clone: Clone): never {
  const failure = clone.failure();
  if (failure === undefined) throw new Error(`sandbox: ${process} ended before it was ready`);
  throw new StepFailure(process, steps, clone, failure.index, failure.errno);
}

function cloneSteps(
  arena: Arena,
  steps: readonly Step[],
  inherited: Inherited,
  cgroup: number | undefined,
  flags: number,
): Clone {
  const moved = moveAboveSlots(inherited);
  try {
    const calls: CallRecord[] = steps.map(({ call, args, tolerates }) => ({
      call,
      tolerates,
      words: args.map((argument) => encodeArgument(arena, argument, moved.descriptors)),
    }));
    return cloneChild(arena, calls, { flags, cgroup });
  } finally {
    moved.copies.forEach((fd) => closeSync(fd));
  }
}

/** A descriptor whose number is that of a slot would be overwritten in the child before its turn comes. */
function moveAboveSlots(inherited: Inherited): { descriptors: Inherited; copies: number[] } {
  const copies: number[] = [];
  const entries = Object.entries(inherited).map(([name, fd]) => {
    if (fd > 2 && (fd < SLOTS.lifeline || fd >= SLOTS_END)) return [name, fd] as const;
    const copy = duplicate(fd, SLOTS_END);
    copies.push(copy);
    return [name, copy] as const;
  });
  return { descriptors: Object.fromEntries(entries), copies };
}

/** An argument as the word that goes into a register: a number, or the address of what stands in the arena. */
function encodeArgument(arena: Arena, argument: Argument, inherited: Inherited): number {
  if (typeof argument === "number") return argument;
  if (typeof argument === "string") return arena.string(argument);
  if ("flags" in argument) return argument.flags.reduce((bits, name) => bits | CONSTANTS[name], 0);
  if ("slot" in argument) return SLOTS[argument.slot];
  if ("vector" in argument) return arena.stringVector(argument.vector);
  if ("words" in argument)
    return arena.words(argument.words.map((word) => encodeArgument(arena, word, inherited)));
  if ("bytes" in argument) return arena.bytes(argument.bytes);
  const fd = inherited[argument.inherited];
  if (fd === undefined) throw new TypeError(`no descriptor is given for ${argument.inherited}`);
  return fd;
}
