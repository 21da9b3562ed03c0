/**
 * Runs a plan. Three children of this process, in this order:
 *
 *   holder   cloned into a new user namespace: see user-namespace.ts
 *   init     cloned into the other namespaces and into the job's cgroup; works while this process prepares the job
 *   job      cloned when init has become the pause program, with this thread's child pid namespace set to init's;
 *            CLONE_VFORK makes this thread wait until it has become the command or has failed
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
import type { Clone } from "../linux/clone.ts";
import { FCNTL, MEMFD, POLL, SCHED, SIGNAL } from "../linux/constants.ts";
import { ERRNO } from "../linux/errno.ts";
import { pipe, poll } from "../linux/files.ts";
import { Arena } from "../linux/memory.ts";
import { awaitKilled, forbidTracing, kill, openPidfd, setChildPidNamespace } from "../linux/process.ts";
import { syscall, trySyscall } from "../linux/syscall.ts";
import { combineFlags, EncodedSteps, type Inherited } from "./encode.ts";
import { makePauseProgram } from "./pause.ts";
import type { SandboxPlan } from "./plan.ts";
import { makeUserNamespace } from "./user-namespace.ts";

/** The child shares this process's memory, and has no signal handlers. */
const SHARES_MEMORY = SCHED.CLONE_VM + SCHED.CLONE_CLEAR_SIGHAND;

/**
 * Begins to make the sandbox of a plan: user namespace, then PID 1 with all its mounts. `cgroup` is a descriptor of
 * the job's cgroup2 directory. Throws StepFailure or SystemCallError, and leaves no process behind then.
 */
export function launchSandbox(plan: SandboxPlan, cgroup: number): Sandbox {
  forbidTracing();
  const lifeline = pipe();
  const ready = pipe();
  const inherited: { -readonly [Name in keyof Inherited]: Inherited[Name] } = {
    lifeline: lifeline.readEnd,
    ready: ready.writeEnd,
  };
  try {
    if (plan.identity.hasUserNamespace) {
      inherited.userNamespace = makeUserNamespace(plan.identity, plan.holder, lifeline.readEnd);
    }
    inherited.initProgram = makeInitProgram();
    const steps = new EncodedSteps("init", plan.init, inherited);
    const init = steps.clone(SHARES_MEMORY + combineFlags(plan.namespaces), cgroup);
    const { userNamespace } = inherited;
    return new Sandbox(plan, cgroup, steps, init, {
      ready: ready.readEnd,
      lifeline: lifeline.writeEnd,
      ...(userNamespace !== undefined && { userNamespace }),
    });
  } catch (error) {
    for (const fd of [lifeline.writeEnd, ready.readEnd, inherited.userNamespace]) closeIfOpen(fd);
    throw error;
  } finally {
    for (const fd of [lifeline.readEnd, ready.writeEnd, inherited.initProgram]) closeIfOpen(fd);
  }
}

function closeIfOpen(fd: number | undefined): void {
  if (fd !== undefined) closeSync(fd);
}

/** The ends that a sandbox keeps in this process. */
interface KeptDescriptors {
  /** Ends when init has exec'd, or is gone. */
  readonly ready: number;
  readonly lifeline: number;
  readonly userNamespace?: number;
}

/** A sandbox, standing or about to: its PID 1 waits for the lifeline's end. Close it, whatever happens. */
export class Sandbox implements AsyncDisposable {
  /** PID 1 of the sandbox, in this process's pid namespace. Killing it ends everything in the sandbox. */
  readonly initPid: number;
  readonly #plan: SandboxPlan;
  readonly #cgroup: number;
  readonly #initSteps: EncodedSteps;
  readonly #init: Clone;
  readonly #kept: KeptDescriptors;
  #isClosed = false;

  constructor(
    plan: SandboxPlan,
    cgroup: number,
    initSteps: EncodedSteps,
    init: Clone,
    kept: KeptDescriptors,
  ) {
    this.initPid = init.pid;
    this.#plan = plan;
    this.#cgroup = cgroup;
    this.#initSteps = initSteps;
    this.#init = init;
    this.#kept = kept;
  }

  /**
   * Starts the job as soon as the sandbox stands; its three streams are descriptors of this process, which keeps them
   * open. Returns the job's pid. Throws StepFailure, for a step of init or of the job.
   */
  startJob(stdio: { readonly stdin: number; readonly stdout: number; readonly stderr: number }): number {
    const { userNamespace } = this.#kept;
    const init = openPidfd(this.initPid);
    const ownPidNamespace = openSync("/proc/self/ns/pid", "r");
    try {
      const inherited = { ...stdio, init, ...(userNamespace !== undefined && { userNamespace }) };
      const steps = new EncodedSteps("job", this.#plan.job, inherited);
      this.#awaitInit();
      setChildPidNamespace(init);
      const job = steps.clone(SHARES_MEMORY + SCHED.CLONE_VFORK, this.#cgroup);
      if (job.failure() !== undefined) awaitKilled(job.pid);
      steps.requireSuccess(job);
      return job.pid;
    } finally {
      setChildPidNamespace(ownPidNamespace);
      closeSync(ownPidNamespace);
      closeSync(init);
    }
  }

  /** Waits until init has exec'd or is gone: either closes the other end of its ready pipe. */
  #awaitInit(): void {
    readSync(this.#kept.ready, new Uint8Array(1));
    this.#initSteps.requireSuccess(this.#init);
  }

  /**
   * The sandbox's root and mount namespace as descriptors, which keep its files in reach after its processes have
   * ended; the caller closes them.
   */
  openFiles(): { readonly root: number; readonly mountNamespace: number } {
    const mountNamespace = openSync(`/proc/${this.initPid}/ns/mnt`, "r");
    return { root: openSync(`/proc/${this.initPid}/root`, FCNTL.O_PATH | FCNTL.O_DIRECTORY), mountNamespace };
  }

  /** Kills PID 1, and with it everything in the sandbox; returns when it is reaped. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { ready, lifeline, userNamespace } = this.#kept;
    for (const fd of [ready, lifeline, userNamespace]) closeIfOpen(fd);
    kill(this.initPid, SIGNAL.SIGKILL);
    await reap(this.initPid);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** How long the thread waits for a PID 1 that was killed before the event loop gets its turn. */
const REAP_WAIT_MS = 5;

/** Waits for the end of PID 1: it comes when the kernel has ended all of its pid namespace. */
async function reap(pid: number): Promise<void> {
  const pidfd = openPidfd(pid);
  while (poll(pidfd, POLL.POLLIN, REAP_WAIT_MS) === 0) await Bun.sleep(0);
  closeSync(pidfd);
  awaitKilled(pid);
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
