import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { IS_IN_VM } from "../test/support/requires.ts";

/** What figures are worth nothing without: the day, the kernel, the processors and who else was using them. */
export function describeMachine(): string {
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  const [load = 0] = loadavg();
  const day = new Date().toISOString().slice(0, 10);
  const place = IS_IN_VM ? "the machine of test/vm, " : "";
  return `${day}, ${place}Linux ${kernel}, ${process.arch}, ${availableParallelism()} CPUs, load ${load.toFixed(1)}`;
}
