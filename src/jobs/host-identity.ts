import { readFileSync } from "node:fs";
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
