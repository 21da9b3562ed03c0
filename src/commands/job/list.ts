import { Command } from "clipanion/lib/advanced/Command";
import { String as StringFlag } from "clipanion/lib/advanced/options/String";
import * as v from "valibot";
import { accept, parseFlags } from "../../flag-schema.ts";
import { commandLine, findDurationMs, listCurrentJobs } from "../../jobs/list.ts";
import { shortId } from "../../state/ids.ts";
import { recordToJson } from "../../state/record-json.ts";
import { JOB_STATUSES, type JobRecord, type JobStatus } from "../../state/record.ts";
import { formatTable, print, printJson, printNotice } from "../../terminal.ts";
import { formatDuration, parseInteger } from "../../units.ts";
import { RnxCommand } from "../base.ts";
import { formatTime } from "../../time.ts";

const COMMAND_WIDTH = 80;
const HEADER = ["UUID", "NAME", "STATUS", "START TIME", "DURATION", "EXIT", "COMMAND"];

const FILTER = v.object({
  status: v.optional(accept("--status", parseStatus, `one of ${JOB_STATUSES.join(", ")}`)),
  name: v.optional(v.string()),
  limit: v.optional(
    accept("--limit", (text) => parseInteger(text, 1, Number.MAX_SAFE_INTEGER), "a whole number from 1"),
  ),
});

function parseStatus(text: string): JobStatus | undefined {
  return JOB_STATUSES.find((status) => status === text.toUpperCase());
}

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
    const { records, unreadable } = await listCurrentJobs(parseFlags(FILTER, this));
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
    shorten(commandLine(record)),
  ];
}

/** A table's cell: a command may have 2 MB. */
function shorten(text: string): string {
  const characters = Array.from(text.slice(0, 2 * COMMAND_WIDTH));
  return characters.length > COMMAND_WIDTH ? `${characters.slice(0, COMMAND_WIDTH - 3).join("")}...` : text;
}
