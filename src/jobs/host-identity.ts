import { readFileSync, statSync } from "node:fs";
import type { Supervisor } from "../state/record.ts";

/** This process as a supervisor: pid, start time and boot, which together never name another one. */
export function readOwnIdentity(): Supervisor {
  return { pid: process.pid, startTicks: readStartTicks("self"), bootId: readBootId() };
}

/** The boot this is: another one after a reboot. */
export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}

/** The process's start in clock ticks since boot: field 22 of /proc/PID/stat, counted after the name's parenthesis. */
function readStartTicks(pid: string): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[START_TIME_AFTER_NAME]);
}

const START_TIME_AFTER_NAME = 19;

/**
 * Whether a process executes this very program. A command of /proc/self/exe, or a script that names it after #!, means
 * whoever executes it, which until then is rnx: a job would get a program of the host's to run, and, with
 * --userns=off, to overwrite (CVE-2019-5736). False for a process that has ended.
 */
export function executesOwnProgram(pid: number): boolean {
  const own = statSync("/proc/self/exe");
  const other = statSync(`/proc/${pid}/exe`, { throwIfNoEntry: false });
  return other !== undefined && other.ino === own.ino && other.dev === own.dev;
}
