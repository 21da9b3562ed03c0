/**
 * Runs a plan: two children of this process, in a user namespace that is made before (user-namespace.ts).
 *
 *   init     cloned into a new pid namespace and into the job's cgroup; works while this process prepares the job
 *   job      cloned when init has become the pause program, with this thread's child pid namespace set to init's;
 *            CLONE_VFORK makes this thread wait until it has become the command or has failed
 *
 * Init depends on the lifeline, a pipe whose writing end only this process keeps: when this process ends, for whatever
 * reason and at whatever step, init reads its end and exits, and the kernel ends the job with its PID 1. No
 * parent-death signal is needed, which a change of user id would clear.
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
import { EncodedSteps, type Inherited } from "./encode.ts";
import { makePauseProgram } from "./pause.ts";
import type { SandboxPlan } from "./plan.ts";

/** The child shares this process's memory, and has no signal handlers. */
const SHARES_MEMORY = SCHED.CLONE_VM + SCHED.CLONE_CLEAR_SIGHAND;

/** What a sandbox is launched into; both are descriptors that the caller keeps open until it is closed. */
export interface LaunchPlace {
  /** The job's cgroup2 directory. */
  readonly cgroup: number;
  /** Absent with --userns=off. */
  readonly userNamespace?: number | undefined;
}

/** Begins to make the sandbox of a plan. Throws SystemCallError, and leaves no process behind then. */
export function launchSandbox(plan: SandboxPlan, place: LaunchPlace): Sandbox {
  forbidTracing();
  const lifeline = pipe();
  const ready = pipe();
  let initProgram: number | undefined;
  try {
    initProgram = makeInitProgram();
    const steps = new EncodedSteps("init", plan.init, {
      lifeline: lifeline.readEnd,
      ready: ready.writeEnd,
      initProgram,
      ...inheritedUserNamespace(place),
    });
    const init = steps.clone(SHARES_MEMORY + SCHED.CLONE_NEWPID, place.cgroup);
    return new Sandbox(plan, place, steps, init, { ready: ready.readEnd, lifeline: lifeline.writeEnd });
  } catch (error) {
    closeSync(lifeline.writeEnd);
    closeSync(ready.readEnd);
    throw error;
  } finally {
    closeSync(lifeline.readEnd);
    closeSync(ready.writeEnd);
    if (initProgram !== undefined) closeSync(initProgram);
  }
}

function inheritedUserNamespace({ userNamespace }: LaunchPlace): Inherited {
  return userNamespace === undefined ? {} : { userNamespace };
}

/** The ends that a sandbox keeps in this process. */
interface KeptDescriptors {
  /** Ends when init has exec'd, or is gone. */
  readonly ready: number;
  readonly lifeline: number;
}

/** A sandbox, standing or about to: its PID 1 waits for the lifeline's end. Close it, whatever happens. */
export class Sandbox implements AsyncDisposable {
  /** PID 1 of the sandbox, in this process's pid namespace. Killing it ends everything in the sandbox. */
  readonly initPid: number;
  readonly #plan: SandboxPlan;
  readonly #place: LaunchPlace;
  readonly #initSteps: EncodedSteps;
  readonly #init: Clone;
  readonly #kept: KeptDescriptors;
  #isClosed = false;

  constructor(
    plan: SandboxPlan,
    place: LaunchPlace,
    initSteps: EncodedSteps,
    init: Clone,
    kept: KeptDescriptors,
  ) {
    this.initPid = init.pid;
    this.#plan = plan;
    this.#place = place;
    this.#initSteps = initSteps;
    this.#init = init;
    this.#kept = kept;
  }

  /**
   * Starts the job as soon as the sandbox stands; its three streams are descriptors of this process, which keeps them
   * open. Returns the job's pid. Throws StepFailure, for a step of init or of the job.
   */
  startJob(stdio: { readonly stdin: number; readonly stdout: number; readonly stderr: number }): number {
    const init = openPidfd(this.initPid);
    const ownPidNamespace = openSync("/proc/self/ns/pid", "r");
    try {
      const inherited = { ...stdio, init, ...inheritedUserNamespace(this.#place) };
      const steps = new EncodedSteps("job", this.#plan.job, inherited);
      this.#awaitInit();
      setChildPidNamespace(init);
      const job = steps.clone(SHARES_MEMORY + SCHED.CLONE_VFORK, this.#place.cgroup);
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
    closeSync(this.#kept.ready);
    closeSync(this.#kept.lifeline);
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
