import { PRCTL, SCHED, SIGNAL, WAIT } from "./constants.ts";
import { ERRNO } from "./errno.ts";
import { Arena } from "./memory.ts";
import { syscall, SystemCallError, trySyscall } from "./syscall.ts";

/** How a process ended: its exit code, or the number of the signal that ended it. */
export type ProcessExit =
  { readonly kind: "exited"; readonly code: number } | { readonly kind: "signaled"; readonly signal: number };

/** How many children are asked for at once: a job can make any number of them. */
const CHILDREN_AT_ONCE = 256;

/**
 * The end of a child, "running", or "busy" when there is more to ask for: call again after others had their turn.
 * Never blocks.
 *
 * Every child of this process is asked for, since a job can make some that nobody here knows: one that it gives to
 * its own parent (CLONE_PARENT), and a thread that takes its parent for its tracer (PTRACE_TRACEME), which waits at
 * each signal until the tracer lets it go on. Unasked for, they would keep the job's pid namespace from ending. So a
 * process that calls this may have no children of Bun's. Exits alone are reported; see wait(2), ptrace(2).
 */
export function waitForExit(pid: number): ProcessExit | "running" | "busy" {
  const { address, bytes } = new Arena().allocate(8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < CHILDREN_AT_ONCE; i++) {
    const waited = trySyscall("wait4", -1, address, WAIT.WNOHANG | WAIT.__WALL, 0);
    if (waited === 0 || waited === -ERRNO.ECHILD) return "running";
    if (waited < 0) throw new SystemCallError("wait4", -waited);
    const status = view.getInt32(0, true);
    if ((status & 0xff) === STOPPED) trySyscall("ptrace", PTRACE_CONT, waited, 0, stopSignal(status));
    else if (waited === pid) return parseExit(status);
  }
  return "busy";
}

function parseExit(status: number): ProcessExit {
  const signal = status & 0x7f;
  return signal === 0 ? { kind: "exited", code: (status >> 8) & 0xff } : { kind: "signaled", signal };
}

/**
 * Waits on the thread for the end of a child that has been killed, or is about to exit by itself. One that has been
 * asked for already is over.
 */
export function awaitKilled(pid: number): void {
  for (;;) {
    const waited = trySyscall("wait4", pid, 0, WAIT.__WALL, 0);
    if (waited === -ERRNO.EINTR) continue;
    if (waited < 0 && waited !== -ERRNO.ECHILD) throw new SystemCallError("wait4", -waited);
    return;
  }
}

/** The low byte of a wait status that tells of a stop, wait(2). */
const STOPPED = 0x7f;
const PTRACE_CONT = 7;

/** The signal a traced child stopped for; SIGTRAP is the tracing's own (execve) and not handed on. */
function stopSignal(status: number): number {
  const signal = (status >> 8) & 0xff;
  return signal === SIGNAL.SIGTRAP ? 0 : signal;
}

/** Sends a signal to a process, or to a process group when `pid` is negative; false when there is none. */
export function kill(pid: number, signal: number): boolean {
  const result = trySyscall("kill", pid, signal);
  if (result === -ERRNO.ESRCH) return false;
  if (result < 0) throw new SystemCallError("kill", -result);
  return true;
}

/** A descriptor for the process, pidfd_open(2): close-on-exec. */
export function openPidfd(pid: number): number {
  return syscall("pidfd_open", pid, 0);
}

/**
 * Chooses the pid namespace of this thread's future children, setns(2) with CLONE_NEWPID; the descriptor is a
 * pidfd or a /proc/PID/ns/pid. The process itself stays where it is.
 */
export function setChildPidNamespace(fd: number): void {
  syscall("setns", fd, SCHED.CLONE_NEWPID);
}

/** Lets no process with the same ids attach to this one or read its memory: PR_SET_DUMPABLE 0, prctl(2). */
export function forbidTracing(): void {
  syscall("prctl", PRCTL.PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/** A resource limit, getrlimit(2): soft and hard; RLIM_INFINITY is Infinity. */
export function getResourceLimit(resource: number): { readonly soft: number; readonly hard: number } {
  const { address, bytes } = new Arena().allocate(16);
  syscall("prlimit64", 0, resource, 0, address);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (offset: number) => {
    const value = view.getBigUint64(offset, true);
    return value === RLIM_INFINITY ? Infinity : Number(value);
  };
  return { soft: word(0), hard: word(8) };
}

/** RLIM64_INFINITY of linux/resource.h */
export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;
