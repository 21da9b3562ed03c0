/**
 * Runs the steps of a plan: two children of this process, in a user namespace that is made before (user-namespace.ts).
 *
 *   init     cloned into a new pid namespace; works while this process prepares the job
 *   job      cloned when init has become the pause program, into the job's cgroup and, by this thread's child pid
 *            namespace, into init's; this thread waits until it has become the command or has failed
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
import {
  awaitKilled,
  forbidTracing,
  kill,
  openPidfd,
  setChildPidNamespace,
  waitForExit,
} from "../linux/process.ts";
import { syscall, trySyscall } from "../linux/syscall.ts";
import { EncodedSteps, type Inherited } from "./encode.ts";
import { makePauseProgram } from "./pause.ts";
import type { Step } from "./step.ts";

/** The child shares this process's memory, and has no signal handlers. */
const SHARES_MEMORY = SCHED.CLONE_VM + SCHED.CLONE_CLEAR_SIGHAND;

/**
 * Begins to make a sandbox: PID 1 runs its steps. `userNamespace` is a descriptor, absent with --userns=off, that the
 * caller keeps open until the sandbox is closed. Throws SystemCallError, and leaves no process behind then.
 */
export function launchSandbox(initSteps: readonly Step[], userNamespace: number | undefined): Sandbox {
  forbidTracing();
  const lifeline = pipe();
  const ready = pipe();
  let initProgram: number | undefined;
  try {
    initProgram = makeInitProgram();
    const inherited = userNamespace === undefined ? {} : { userNamespace };
    const ends = { lifeline: lifeline.readEnd, ready: ready.writeEnd, initProgram };
    const steps = new EncodedSteps("init", initSteps, { ...ends, ...inherited });
    const init = steps.clone(SHARES_MEMORY + SCHED.CLONE_NEWPID);
    return new Sandbox(steps, init, { ready: ready.readEnd, lifeline: lifeline.writeEnd }, inherited);
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

/** The ends that a sandbox keeps in this process. */
interface KeptDescriptors {
  /** Ends when init has exec'd, or is gone. */
  readonly ready: number;
  readonly lifeline: number;
}

/** What a job gets as descriptors 0, 1 and 2. */
export interface JobStreams {
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
}

/** A sandbox, standing or about to: its PID 1 waits for the lifeline's end. Close it, whatever happens. */
export class Sandbox implements AsyncDisposable {
  /** PID 1 of the sandbox, in this process's pid namespace. Killing it ends everything in the sandbox. */
  readonly initPid: number;
  readonly #initSteps: EncodedSteps;
  readonly #init: Clone;
  readonly #kept: KeptDescriptors;
  readonly #userNamespace: Inherited;
  #isClosed = false;

  constructor(initSteps: EncodedSteps, init: Clone, kept: KeptDescriptors, userNamespace: Inherited) {
    this.initPid = init.pid;
    this.#initSteps = initSteps;
    this.#init = init;
    this.#kept = kept;
    this.#userNamespace = userNamespace;
  }

  /**
   * Starts the job as soon as the sandbox stands, and returns its pid when it has become its command. Its three streams
   * and `cgroup`, its cgroup2 directory, are descriptors of this process, which keeps them open. Throws StepFailure,
   * for a step of init or of the job.
   */
  startJob(jobSteps: readonly Step[], stdio: JobStreams, cgroup: number): number {
    const init = openPidfd(this.initPid);
    const ownPidNamespace = openSync("/proc/self/ns/pid", "r");
    const ready = pipe();
    try {
      const inherited = { ...stdio, init, ready: ready.writeEnd, ...this.#userNamespace };
      const steps = new EncodedSteps("job", jobSteps, inherited);
      const job = this.#cloneJob(steps, inherited, cgroup);
      awaitExec(ready.readEnd);
      if (job.failure() !== undefined) awaitKilled(job.pid);
      steps.requireSuccess(job);
      return job.pid;
    } finally {
      setChildPidNamespace(ownPidNamespace);
      closeSync(ownPidNamespace);
      closeSync(ready.readEnd);
      closeSync(init);
    }
  }

  /** Clones the job once init has become the pause program; the job alone has the ready pipe's writing end then. */
  #cloneJob(steps: EncodedSteps, { init, ready }: { init: number; ready: number }, cgroup: number): Clone {
    try {
      awaitExec(this.#kept.ready);
      this.#initSteps.requireSuccess(this.#init);
      setChildPidNamespace(init);
      return steps.clone(SHARES_MEMORY, cgroup);
    } finally {
      closeSync(ready);
    }
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

/**
 * Waits until a child has exec'd or is gone: either closes the other end of its ready pipe. CLONE_VFORK would not do:
 * it lets the parent go on a moment before the child has its new program, and /proc/PID/exe still names this one.
 */
function awaitExec(ready: number): void {
  readSync(ready, new Uint8Array(1));
}

/** How long the thread waits for a PID 1 that was killed before the event loop gets its turn. */
const REAP_WAIT_MS = 5;

/**
 * Waits for the end of PID 1: it comes when the kernel has ended all of its pid namespace, and this process has asked
 * for those of it that are its children.
 */
async function reap(pid: number): Promise<void> {
  const pidfd = openPidfd(pid);
  while (poll(pidfd, POLL.POLLIN, REAP_WAIT_MS) === 0) {
    waitForExit(pid);
    await Bun.sleep(0);
  }
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
