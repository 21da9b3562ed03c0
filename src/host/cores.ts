import { readFileSync } from "node:fs";
import { parseCpuRanges } from "../units.ts";

/** The cores of this host that are switched on, sorted. */
export function readOnlineCores(): readonly number[] {
  const cores = parseCpuRanges(readFileSync("/sys/devices/system/cpu/online", "latin1").trim());
  if (cores === undefined) throw new TypeError("/sys/devices/system/cpu/online: not a list of cores");
  return cores;
}
