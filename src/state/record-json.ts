import * as v from "valibot";
import { isJobId } from "./ids.ts";
import {
  JOB_REASONS,
  JOB_STATUSES,
  RECORD_SCHEMA,
  type JobRecord,
  type Metrics,
  type Supervisor,
} from "./record.ts";

/** The text of job.json: the only place that knows its keys. */

const text = v.nullish(v.string(), null);
const texts = v.nullish(v.array(v.string()), []);
const amount = v.pipe(v.number(), v.minValue(0));
const count = v.nullish(amount, null);
const time = v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/));
/** Not v.record, which leaves out keys such as `constructor`: any of them may be the name of a variable. */
const environment = v.nullish(v.custom<Record<string, string>>(isTextRecord), {});

const supervisorEntries = { pid: v.number(), start_ticks: v.number(), boot_id: v.string() };
const metricsEntries = {
  cpu_usec: count,
  memory_peak: count,
  io_read_bytes: count,
  io_write_bytes: count,
  pids_peak: count,
};
const recordEntries = {
  schema: v.pipe(v.number(), v.integer(), v.minValue(1)),
  uuid: v.pipe(v.string(), v.check(isJobId)),
  name: text,
  command: v.string(),
  args: texts,
  status: v.picklist(JOB_STATUSES),
  reason: v.nullish(v.picklist(JOB_REASONS), null),
  message: text,
  exit_code: v.nullish(v.pipe(v.number(), v.integer()), null),
  signal: text,
  runtime: text,
  created_time: time,
  start_time: v.nullish(time, null),
  end_time: v.nullish(time, null),
  scheduled_time: v.nullish(time, null),
  schedule: text,
  max_cpu: count,
  max_memory: count,
  max_iobps: count,
  cpu_cores: text,
  max_pids: count,
  timeout: count,
  network: v.nullish(v.string(), "none"),
  ip: text,
  volumes: texts,
  environment,
  secret_environment: environment,
  workdir: v.nullish(v.string(), "/work"),
  uploads: texts,
  supervisor: v.nullish(v.object(supervisorEntries), null),
  metrics: v.nullish(v.object(metricsEntries), null),
  warnings: texts,
  log_cut_bytes: v.nullish(amount, 0),
};
const recordSchema = v.object(recordEntries);
type RecordJson = v.InferOutput<typeof recordSchema>;

/** The record that the text holds, or what is wrong with it. */
export function parseRecord(json: string): { readonly record: JobRecord } | { readonly problem: string } {
  let input: unknown;
  try {
    input = JSON.parse(json);
  } catch {
    return { problem: json.trim() === "" ? "the record is empty" : "the record is not JSON" };
  }
  if (!isObject(input)) return { problem: "the record is not a JSON object" };
  const result = v.safeParse(recordSchema, input);
  if (result.success) return { record: fromJson(result.output, input) };
  const schema = input["schema"];
  if (typeof schema !== "number" || schema <= RECORD_SCHEMA)
    return { problem: describeIssues(result.issues) };

  // What a newer schema writes in another way counts as absent; without the keys that make a job it stays unreadable.
  const notUnderstood = new Set(result.issues.map((issue) => issue.path?.[0].key));
  const understood = Object.fromEntries(Object.entries(input).filter(([key]) => !notUnderstood.has(key)));
  const retry = v.safeParse(recordSchema, understood);
  return retry.success
    ? { record: fromJson(retry.output, input) }
    : { problem: `the record has schema ${schema}; this rnx understands ${RECORD_SCHEMA}` };
}

/** The record as the text of job.json. */
export function encodeRecord(record: JobRecord): string {
  return `${JSON.stringify(recordToJson(record), null, 2)}\n`;
}

/** The record under the names that users see: in job.json, `job list --json` and `job status --json`. */
export function recordToJson(record: JobRecord): Readonly<Record<string, unknown>> {
  const known: RecordJson = {
    schema: record.schema,
    uuid: record.uuid,
    name: record.name,
    command: record.command,
    args: [...record.args],
    status: record.status,
    reason: record.reason,
    message: record.message,
    exit_code: record.exitCode,
    signal: record.signal,
    runtime: record.runtime,
    created_time: record.createdTime,
    start_time: record.startTime,
    end_time: record.endTime,
    scheduled_time: record.scheduledTime,
    schedule: record.schedule,
    max_cpu: record.maxCpu,
    max_memory: record.maxMemory,
    max_iobps: record.maxIobps,
    cpu_cores: record.cpuCores,
    max_pids: record.maxPids,
    timeout: record.timeout,
    network: record.network,
    ip: record.ip,
    volumes: [...record.volumes],
    environment: record.environment,
    secret_environment: record.secretEnvironment,
    workdir: record.workdir,
    uploads: [...record.uploads],
    supervisor: supervisorToJson(record.supervisor),
    metrics: metricsToJson(record.metrics),
    warnings: [...record.warnings],
    log_cut_bytes: record.logCutBytes,
  };
  const { supervisor, metrics, ...other } = record.other;
  return {
    ...known,
    supervisor: withUnknown(known.supervisor, supervisor),
    metrics: withUnknown(known.metrics, metrics),
    ...other,
  };
}

function fromJson(json: RecordJson, input: Readonly<Record<string, unknown>>): JobRecord {
  return {
    schema: json.schema,
    uuid: json.uuid,
    name: json.name,
    command: json.command,
    args: json.args,
    status: json.status,
    reason: json.reason,
    message: json.message,
    exitCode: json.exit_code,
    signal: json.signal,
    runtime: json.runtime,
    createdTime: json.created_time,
    startTime: json.start_time,
    endTime: json.end_time,
    scheduledTime: json.scheduled_time,
    schedule: json.schedule,
    maxCpu: json.max_cpu,
    maxMemory: json.max_memory,
    maxIobps: json.max_iobps,
    cpuCores: json.cpu_cores,
    maxPids: json.max_pids,
    timeout: json.timeout,
    network: json.network,
    ip: json.ip,
    volumes: json.volumes,
    environment: json.environment,
    secretEnvironment: json.secret_environment,
    workdir: json.workdir,
    uploads: json.uploads,
    supervisor: supervisorFromJson(json.supervisor),
    metrics: metricsFromJson(json.metrics),
    warnings: json.warnings,
    logCutBytes: json.log_cut_bytes,
    other: unknownKeys(input),
  };
}

function supervisorToJson(supervisor: Supervisor | null): RecordJson["supervisor"] {
  if (supervisor === null) return null;
  return { pid: supervisor.pid, start_ticks: supervisor.startTicks, boot_id: supervisor.bootId };
}

function supervisorFromJson(json: RecordJson["supervisor"]): Supervisor | null {
  return json === null ? null : { pid: json.pid, startTicks: json.start_ticks, bootId: json.boot_id };
}

function metricsToJson(metrics: Metrics | null): RecordJson["metrics"] {
  if (metrics === null) return null;
  return {
    cpu_usec: metrics.cpuUsec,
    memory_peak: metrics.memoryPeak,
    io_read_bytes: metrics.ioReadBytes,
    io_write_bytes: metrics.ioWriteBytes,
    pids_peak: metrics.pidsPeak,
  };
}

function metricsFromJson(json: RecordJson["metrics"]): Metrics | null {
  if (json === null) return null;
  return {
    cpuUsec: json.cpu_usec,
    memoryPeak: json.memory_peak,
    ioReadBytes: json.io_read_bytes,
    ioWriteBytes: json.io_write_bytes,
    pidsPeak: json.pids_peak,
  };
}

/** The keys of the file that this rnx does not know, those of its nested objects under the object's key. */
function unknownKeys(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const unknown = keysOutside(input, recordEntries);
  for (const [key, entries] of [
    ["supervisor", supervisorEntries],
    ["metrics", metricsEntries],
  ] as const) {
    const nested = keysOutside(input[key], entries);
    if (Object.keys(nested).length > 0) unknown[key] = nested;
  }
  return unknown;
}

function keysOutside(input: unknown, entries: object): Record<string, unknown> {
  if (!isObject(input)) return {};
  return Object.fromEntries(Object.entries(input).filter(([key]) => !Object.hasOwn(entries, key)));
}

function withUnknown(known: object | null, unknown: unknown): object | null {
  return known === null || !isObject(unknown) ? known : { ...known, ...unknown };
}

function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  const keys = [...new Set(issues.map((issue) => v.getDotPath(issue) ?? "contents"))];
  return `the record's ${keys.slice(0, 3).join(", ")} cannot be understood`;
}

function isTextRecord(input: unknown): boolean {
  return isObject(input) && Object.values(input).every((value) => typeof value === "string");
}

function isObject(input: unknown): input is Record<string, unknown> {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}
