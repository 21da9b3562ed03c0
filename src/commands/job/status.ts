import { Command } from "clipanion/lib/advanced/Command";
import { commandLine, findDurationMs, readCurrentJob } from "../../jobs/list.ts";
import { recordToJson } from "../../state/record-json.ts";
import type { JobRecord } from "../../state/record.ts";
import { formatTable, print, printJson } from "../../terminal.ts";
import { formatDuration, formatSize } from "../../units.ts";
import { RnxCommand } from "../base.ts";
import { formatTime } from "../../time.ts";

/** rnx job status ID */
export class JobStatusCommand extends RnxCommand {
  static override operands = { usage: "ID", minimum: 1, maximum: 1 };
  static override usage = Command.Usage({
    description: "show what is known of a job",
    examples: [
      ["By the first characters of the id", "$0 job status 1f3b9c02"],
      [
        "How the newest job of a name ended",
        "$0 job status nightly --json | jq '{status, reason, exit_code}'",
      ],
    ],
  });

  override async execute(): Promise<number> {
    const [reference = ""] = this.words;
    const record = await readCurrentJob(reference);
    if (this.json) printJson(recordToJson(record));
    else print(formatTable(describeRecord(record).filter(([, value]) => value !== "")));
    return 0;
  }
}

/** What each line says; an empty one is left out. */
function describeRecord(record: JobRecord): [label: string, value: string][] {
  const duration = findDurationMs(record, Date.now());
  return [
    ["UUID:", record.uuid],
    ["Name:", record.name ?? ""],
    ["Command:", commandLine(record)],
    ["Status:", record.reason === null ? record.status : `${record.status} (${record.reason})`],
    ["Message:", record.message ?? ""],
    ["Exit code:", record.exitCode === null ? "" : `${record.exitCode}`],
    ["Signal:", record.signal ?? ""],
    ["Runtime:", record.runtime ?? ""],
    ["Created:", formatTime(record.createdTime)],
    ["Started:", record.startTime === null ? "" : formatTime(record.startTime)],
    ["Ended:", record.endTime === null ? "" : formatTime(record.endTime)],
    ["Duration:", duration === undefined ? "" : formatDuration(duration)],
    ["Limits:", describeLimits(record)],
    ["Network:", record.network],
    ["Working directory:", record.workdir],
    ["Environment:", describeVariables({ ...record.environment, ...record.secretEnvironment })],
    ["Uploads:", record.uploads.join(", ")],
    ["Used:", describeMetrics(record.metrics)],
    ["Log cut:", record.logCutBytes === 0 ? "" : `${formatSize(record.logCutBytes)} are not in the log`],
    ...record.warnings.map((warning): [string, string] => ["Warning:", warning]),
  ];
}

function describeLimits({ maxCpu, maxMemory, maxIobps, cpuCores, maxPids, timeout }: JobRecord): string {
  return join([
    maxCpu === null ? "" : `CPU ${maxCpu}%`,
    cpuCores === null ? "" : `cores ${cpuCores}`,
    maxMemory === null ? "" : `memory ${formatSize(maxMemory)}`,
    maxIobps === null ? "" : `I/O ${formatSize(maxIobps)}/s`,
    maxPids === null ? "" : `processes ${maxPids}`,
    timeout === null ? "" : `time ${formatDuration(timeout)}`,
  ]);
}

function describeMetrics(metrics: JobRecord["metrics"]): string {
  if (metrics === null) return "";
  const { cpuUsec, memoryPeak, ioReadBytes, ioWriteBytes, pidsPeak } = metrics;
  return join([
    cpuUsec === null ? "" : `CPU ${formatDuration(cpuUsec / 1000)}`,
    memoryPeak === null ? "" : `memory ${formatSize(memoryPeak)} at most`,
    ioReadBytes === null ? "" : `read ${formatSize(ioReadBytes)}`,
    ioWriteBytes === null ? "" : `written ${formatSize(ioWriteBytes)}`,
    pidsPeak === null ? "" : `processes ${pidsPeak} at most`,
  ]);
}

function describeVariables(environment: Readonly<Record<string, string>>): string {
  return join(Object.entries(environment).map(([key, value]) => `${key}=${value}`));
}

function join(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(", ");
}
