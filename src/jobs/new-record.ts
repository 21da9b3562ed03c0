import { formatCpuList } from "../units.ts";
import type { JobRecord, Supervisor } from "../state/record.ts";
import { RECORD_SCHEMA } from "../state/record.ts";
import type { ResolvedJob } from "./resolve.ts";

/** What stands in a record where a secret is. */
export const HIDDEN = "***";

/** The record of a job that is about to be started. */
export function newRecord(
  id: string,
  resolved: ResolvedJob,
  supervisor: Supervisor,
  created: Date,
): JobRecord {
  const { spec } = resolved;
  const { limits } = spec;
  return {
    schema: RECORD_SCHEMA,
    uuid: id,
    name: spec.name ?? null,
    command: spec.command,
    args: spec.args,
    status: "INITIALIZING",
    reason: null,
    message: null,
    exitCode: null,
    signal: null,
    runtime: resolved.runtime,
    createdTime: created.toISOString(),
    startTime: null,
    endTime: null,
    scheduledTime: null,
    schedule: null,
    maxCpu: limits.cpuPercent ?? null,
    maxMemory: limits.memoryBytes ?? null,
    maxIobps: limits.ioBytesPerSecond ?? null,
    cpuCores: limits.cpuCores === undefined ? null : formatCpuList(limits.cpuCores),
    maxPids: limits.maxPids,
    timeout: spec.timeoutMs ?? null,
    network: spec.network,
    ip: null,
    volumes: [],
    environment: spec.environment,
    secretEnvironment: Object.fromEntries(Object.keys(spec.secretEnvironment).map((key) => [key, HIDDEN])),
    workdir: spec.workdir,
    uploads: [...spec.uploads, ...spec.autoUploads].map(({ destination }) => destination),
    supervisor,
    metrics: null,
    warnings: [...(spec.userNamespace ? [] : [USERNS_OFF_WARNING]), ...resolved.warnings],
    logCutBytes: 0,
    other: {},
  };
}

const USERNS_OFF_WARNING =
  "--userns=off: root in this job is root of the host, held by capabilities and mounts alone";
