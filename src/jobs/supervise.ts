/**
 * Watches one job from its start to its end. Processes and who may end them:
 *
 *   rnx (this process)  parent of both; gets SIGCHLD, the caller's signals, and the ends of all pipes
 *   init                PID 1 of the sandbox; does nothing; when it is killed the kernel kills the rest
 *   job                 leader of its own session and process group; its exit is the job's exit
 *   everything else     children of the job; orphans belong to init and are reaped by the kernel
 *
 * The job is over when its main process is. What is left of it is killed then, the pipes so come to their ends,
 * and everything that was written to them has been copied when `supervise` returns.
 *
 * Signals of the caller go to the job's process group, as a terminal would send them. A second SIGINT, or a job
 * that outlives SIGTERM or SIGHUP by the grace time, ends the whole sandbox with SIGKILL. So does the timeout.
 *
 * Bun ends a process whose only hope is a signal: a timer is held until the job has ended.
 */
import { SIGNAL } from "../linux/constants.ts";
import { kill, type ProcessExit, waitForExit } from "../linux/process.ts";

/** What the watching of a job depends on. */
export interface Watch {
  readonly jobPid: number;
  readonly timeoutMs: number | undefined;
  readonly stopGraceMs: number;
  /** Kills every process of the job. */
  readonly killAll: () => void;
  /** Asked every POLL_MS where the kernel does not kill a whole job that ran out of memory (cgroup v1). */
  readonly hasRunOutOfMemory: (() => boolean) | undefined;
}

/** How the main process ended, and whether the timeout did it. */
export interface WatchResult {
  readonly exit: ProcessExit;
  readonly isTimedOut: boolean;
  /** The caller sent a signal that asks the job to end. */
  readonly isInterrupted: boolean;
}

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
const OUT_OF_MEMORY_POLL_MS = 50;
/** Longest delay of setTimeout: 2^31 - 1 ms. A longer timeout is cut to these 24 days. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

/** Waits for the job's main process. Resolves once; the listeners and timers it made are gone then. */
export function watchJob(watch: Watch): Promise<WatchResult> {
  const { promise, resolve } = Promise.withResolvers<WatchResult>();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const listeners = new Map<NodeJS.Signals, () => void>();
  let interrupts = 0;
  let isTimedOut = false;
  let isInterrupted = false;

  const after = (delayMs: number, action: () => void) =>
    timers.add(setTimeout(action, Math.min(delayMs, LONGEST_TIMER_MS)));
  const listen = (signal: NodeJS.Signals, listener: () => void) => {
    listeners.set(signal, listener);
    process.on(signal, listener);
  };
  const signalGroup = (signal: number) => {
    kill(-watch.jobPid, signal);
  };
  const terminate = (signal: number) => {
    signalGroup(signal);
    after(watch.stopGraceMs, watch.killAll);
  };

  const checkExit = () => {
    const exit = waitForExit(watch.jobPid);
    if (exit === "busy") after(0, checkExit);
    if (exit === "busy" || exit === "running") return;
    timers.forEach((timer) => clearTimeout(timer));
    listeners.forEach((listener, signal) => process.off(signal, listener));
    resolve({ exit, isTimedOut, isInterrupted });
  };

  listen("SIGCHLD", checkExit);
  for (const signal of FORWARDED) {
    listen(signal, () => {
      switch (signal) {
        case "SIGINT":
          isInterrupted = true;
          interrupts += 1;
          return interrupts === 1 ? signalGroup(SIGNAL.SIGINT) : watch.killAll();
        case "SIGTERM":
        case "SIGHUP":
          isInterrupted = true;
          return terminate(SIGNAL[signal]);
        default:
          return signalGroup(SIGNAL[signal]);
      }
    });
  }
  if (watch.timeoutMs !== undefined) {
    after(watch.timeoutMs, () => {
      isTimedOut = true;
      terminate(SIGNAL.SIGTERM);
    });
  }
  const { hasRunOutOfMemory } = watch;
  if (hasRunOutOfMemory !== undefined) {
    timers.add(
      setInterval(() => {
        if (hasRunOutOfMemory()) watch.killAll();
      }, OUT_OF_MEMORY_POLL_MS),
    );
  }
  timers.add(setInterval(checkExit, LONGEST_TIMER_MS));
  // The job may have ended before the listener stood.
  checkExit();
  return promise;
}
