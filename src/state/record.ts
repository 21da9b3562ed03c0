/** The states of a job, in the order in which it can go through them. */
export const JOB_STATUSES = [
  "INITIALIZING",
  "SCHEDULED",
  "RUNNING",
  "COMPLETED",
  "FAILED",
  "STOPPED",
  "CANCELED",
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Why a job ended as it did. */
export const JOB_REASONS = [
  "exit",
  "signal",
  "oom",
  "timeout",
  "disk",
  "seccomp",
  "start-failed",
  "supervisor-lost",
  "reboot",
  "stopped",
  "canceled",
  "requirement",
] as const;
export type JobReason = (typeof JOB_REASONS)[number];

/** The schema that this rnx writes. A record of a newer one is shown as far as understood and never rewritten. */
export const RECORD_SCHEMA = 1;

/** What is kept of a job: job.json, and what list and status show. Absent values are null; times RFC 3339 UTC. */
export interface JobRecord {
  readonly schema: number;
  readonly uuid: string;
  readonly name: string | null;
  readonly command: string;
  readonly args: readonly string[];
  readonly status: JobStatus;
  readonly reason: JobReason | null;
  /** The reason for a person. */
  readonly message: string | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly runtime: string | null;
  readonly createdTime: string;
  readonly startTime: string | null;
  readonly endTime: string | null;
  readonly scheduledTime: string | null;
  readonly schedule: string | null;
  /** Percent of one core. */
  readonly maxCpu: number | null;
  /** Bytes. */
  readonly maxMemory: number | null;
  /** Bytes a second. */
  readonly maxIobps: number | null;
  readonly cpuCores: string | null;
  readonly maxPids: number | null;
  /** Milliseconds. */
  readonly timeout: number | null;
  readonly network: string;
  readonly ip: string | null;
  readonly volumes: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** The values are `***`. */
  readonly secretEnvironment: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly uploads: readonly string[];
  readonly supervisor: Supervisor | null;
  readonly metrics: Metrics | null;
  readonly warnings: readonly string[];
  /** Bytes of output that the log does not hold. */
  readonly logCutBytes: number;
  /** Keys of the file that this rnx does not know, written back as they were. */
  readonly other: Readonly<Record<string, unknown>>;
}

/** The process that watches a job: together these three never name another one. */
export interface Supervisor {
  readonly pid: number;
  readonly startTicks: number;
  readonly bootId: string;
}

export interface Metrics {
  readonly cpuUsec: number | null;
  readonly memoryPeak: number | null;
  readonly ioReadBytes: number | null;
  readonly ioWriteBytes: number | null;
  readonly pidsPeak: number | null;
}

/** Whether a job in this state is over for good. */
export function isFinal(status: JobStatus): boolean {
  return status === "COMPLETED" || status === "FAILED" || status === "STOPPED" || status === "CANCELED";
}

/** Whether the record was written by a newer rnx. */
export function isNewerRecord(record: JobRecord): boolean {
  return record.schema > RECORD_SCHEMA;
}
