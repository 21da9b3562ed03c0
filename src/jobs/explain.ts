import { makeEnvironment } from "./job-environment.ts";
import { HIDDEN } from "./new-record.ts";
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

/** The job's variables, one a line; the values of secrets are hidden. */
export function explainEnvironment(id: string, resolved: ResolvedJob): string {
  const { secretEnvironment } = resolved.spec;
  const variables = Object.entries(makeEnvironment(id, resolved)).map(
    ([key, value]) => `  ${key}=${Object.hasOwn(secretEnvironment, key) ? HIDDEN : value}`,
  );
  return ["environment:", ...variables].join("\n");
}
