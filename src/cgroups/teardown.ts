import { rmdirSync } from "node:fs";
import { errorCode, RnxError } from "../errors.ts";
import { findKernelFile, findKeyed, isGone, triggerKernelFile } from "./files.ts";
import type { Cgroup } from "./group.ts";

/** Whether a process is left; false too when the cgroup is gone. Zombies do not count. */
export function isPopulated(cgroup: Cgroup): boolean {
  return findKeyed(findKernelFile(`${cgroup.path}/cgroup.events`), "populated") === 1;
}

/** Stops all processes of the cgroup where they are, or lets them go on; nothing when it is gone. */
export function setFrozen(cgroup: Cgroup, isFrozen: boolean): void {
  trigger(`${cgroup.path}/cgroup.freeze`, isFrozen ? "1" : "0");
}

/** Sends SIGKILL to every process, also frozen ones, and none can fork away. They are dying then, not yet gone. */
export function killCgroup(cgroup: Cgroup): void {
  if (!trigger(`${cgroup.path}/cgroup.kill`, "1")) killEach(cgroup);
}

/** Before kernel 5.14. A process that was forking when the freeze came may leave a child: hence the rounds. */
function killEach(cgroup: Cgroup): void {
  setFrozen(cgroup, true);
  const killed = new Set<number>();
  for (;;) {
    const pids = listProcesses(cgroup).filter((pid) => !killed.has(pid));
    if (pids.length === 0) return setFrozen(cgroup, false);
    for (const pid of pids) killProcess(pid);
    for (const pid of pids) killed.add(pid);
  }
}

/**
 * Removes the cgroup; what still runs in it is killed. What is gone already is fine. Throws RnxError, naming the
 * processes that are left, when the kernel does not let go of it in time.
 */
export async function removeCgroup(cgroup: Cgroup, timeoutMs: number): Promise<void> {
  const left = [...cgroup.directories];
  const isRemoved = () => {
    while (left[0] !== undefined) {
      if (!removeDirectory(left[0])) return false;
      left.shift();
    }
    return true;
  };
  const isRemovedOrDying = () => {
    if (isRemoved()) return true;
    killCgroup(cgroup);
    return false;
  };
  // A v1 memory group may be busy for a moment after its last process.
  if (isRemovedOrDying() || (await retry(timeoutMs, isRemovedOrDying))) return;
  const pids = listProcesses(cgroup);
  const why = pids.length === 0 ? "it is busy" : `these processes do not die: ${pids.join(" ")}`;
  throw new RnxError(`cgroup not removed: ${left[0]}: ${why}`);
}

function removeDirectory(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (isGone(error)) return true;
    if (errorCode(error) === "EBUSY") return false;
    throw error;
  }
}

/** Seen best: one idle process is gone 0.3 ms after the kill, and asking without a pause keeps it from dying. */
const FIRST_PAUSE_MS = 0.15;
const LONGEST_PAUSE_MS = 20;
/** Shorter pauses block the thread: a timer is never less than this. */
const TIMER_MS = 1;

async function retry(timeoutMs: number, attempt: () => boolean): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    if (pauseMs < TIMER_MS) Atomics.wait(NEVER_NOTIFIED, 0, 0, pauseMs);
    else await Bun.sleep(pauseMs);
    if (attempt()) return true;
    if (performance.now() > end) return false;
  }
}

const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(4));

function listProcesses(cgroup: Cgroup): readonly number[] {
  const lines = findKernelFile(`${cgroup.path}/cgroup.procs`)?.split("\n") ?? [];
  // 0 stands for a process of a pid namespace that cannot be seen from here, and would mean our own group to kill(2).
  return lines.map(Number).filter((pid) => pid > 0);
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

/** False when the file is not there. */
function trigger(path: string, value: string): boolean {
  try {
    triggerKernelFile(path, value);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}
