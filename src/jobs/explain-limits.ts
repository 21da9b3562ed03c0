import type { ResolvedJob } from "./resolve.ts";

/** Where each limit is written and what it is, one a line. */
export function explainLimits({ limitPlan, spec }: ResolvedJob): string {
  const files = limitPlan.files.map(
    ({ setting, controller, version, file, value }) =>
      `  ${setting}: ${file} = ${value} (controller ${controller}, cgroup v${version})`,
  );
  const missing = limitPlan.unsupported.map(({ flag, reason }) => `  ${flag}: cannot be enforced: ${reason}`);
  const timeout = spec.timeoutMs === undefined ? [] : [`  --timeout: SIGTERM after ${spec.timeoutMs} ms`];
  return ["limits:", ...files, ...missing, ...timeout].join("\n");
}
