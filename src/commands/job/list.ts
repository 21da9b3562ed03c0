import { Command } from "clipanion/lib/advanced/Command";
import { String as StringFlag } from "clipanion/lib/advanced/options/String";
import { UsageError } from "../../errors.ts";
import { commandLine, findDurationMs, listCurrentJobs } from "../../jobs/list.ts";
import { shortId } from "../../state/ids.ts";
import { recordToJson } from "../../state/record-json.ts";
import { JOB_STATUSES, type JobRecord, type JobStatus } from "../../state/record.ts";
import { formatTable, print, printJson, printNotice } from "../../terminal.ts";
import { formatDuration, parseInteger } from "../../units.ts";
import { RnxCommand } from "../base.ts";
import { formatTime } from "../format.ts";

const HEADER = ["UUID", "NAME", "STATUS", "START TIME", "DURATION", "EXIT", "COMMAND"];

/** rnx job list */
export class JobListCommand extends RnxCommand {
  static override usage = Command.Usage({
    description: "list jobs, the newest first",
    examples: [
      ["All jobs", "$0 job list"],
      ["The last ten that failed", "$0 job list --status FAILED --limit 10"],
      ["The ids of what runs, for a script", "$0 job list --status RUNNING --json | jq -r '.[].uuid'"],
    ],
  });

  status = StringFlag("--status", {
    description: "only jobs in this `STATE`: RUNNING, COMPLETED, FAILED ...",
  });
  name = StringFlag("--name", { description: "only jobs of this `NAME`" });
  limit = StringFlag("--limit", { description: "only the newest `N`" });

  override async execute(): Promise<number> {
    const filter = { name: this.name, status: parseStatus(this.status), limit: parseLimit(this.limit) };
    const { records, unreadable } = await listCurrentJobs(filter);
    if (this.json) printJson(records.map(recordToJson));
    else print(formatTable([HEADER, ...records.map((record) => makeRow(record, Date.now()))]));
    for (const { id, problem } of unreadable) {
      printNotice(
        `warning: job ${shortId(id)}: ${problem}; rnx job delete --force ${shortId(id)} removes it`,
      );
    }
    return 0;
  }
}

function makeRow(record: JobRecord, now: number): string[] {
  const duration = findDurationMs(record, now);
  return [
    record.uuid,
    record.name ?? "-",
    record.status,
    formatTime(record.startTime),
    duration === undefined ? "-" : formatDuration(duration),
    record.exitCode === null ? "-" : `${record.exitCode}`,
    commandLine(record),
  ];
}

function parseStatus(text: string | undefined): JobStatus | undefined {
  if (text === undefined) return undefined;
  const status = JOB_STATUSES.find((candidate) => candidate === text.toUpperCase());
  if (status === undefined) {
    throw new UsageError(`--status "${text}": expected one of ${JOB_STATUSES.join(", ")}`);
  }
  return status;
}

function parseLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const limit = parseInteger(text, 1, Number.MAX_SAFE_INTEGER);
  if (limit === undefined) throw new UsageError(`--limit "${text}": expected a whole number from 1`);
  return limit;
}
