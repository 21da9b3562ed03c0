import type { MinimumFree } from "../state/free-disk.ts";
import { listCgroupChecks } from "./cgroup-checks.ts";
import { type Finding, ok, warning } from "./check.ts";
import { KERNEL_CHECKS } from "./kernel-checks.ts";
import type { IdRanges } from "../state/leases.ts";
import { listStorageChecks } from "./storage-checks.ts";
import { describeInstall, findTool, type Tool, TOOLS } from "./tools.ts";

export interface DoctorOptions {
  /** RNX_HOME. */
  readonly home: string;
  /** What has to stay free on the disk below it. */
  readonly disk: MinimumFree;
  readonly ids: IdRanges;
}

export interface CheckResult extends Finding {
  readonly name: string;
}

/** What this host can and cannot do. Reads alone: nothing is made, mounted or loaded. */
export function runChecks(options: DoctorOptions): readonly CheckResult[] {
  const checks = [
    ...KERNEL_CHECKS,
    ...listCgroupChecks(),
    ...listStorageChecks(options.home, options.disk, options.ids),
    ...Object.entries(TOOLS).map(([name, tool]) => ({ name: `tool ${name}`, run: () => checkTool(tool) })),
  ];
  return checks.map((check) => ({ name: check.name, ...check.run() }));
}

function checkTool(tool: Tool): Finding {
  const path = findTool(tool);
  return path === undefined
    ? warning(`missing: needed for ${tool.neededFor}`, describeInstall(tool))
    : ok(path);
}
