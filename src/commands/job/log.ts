import { Command } from "clipanion/lib/advanced/Command";
import { Boolean as BooleanFlag } from "clipanion/lib/advanced/options/Boolean";
import { String as StringFlag } from "clipanion/lib/advanced/options/String";
import * as v from "valibot";
import { accept, parseFlags } from "../../flag-schema.ts";
import { decodeBytes } from "../../linux/memory.ts";
import { type LogFrame, readLog, timestampLines } from "../../state/log-reader.ts";
import { getJobPaths } from "../../state/paths.ts";
import { resolveJobReference } from "../../state/reference.ts";
import { print, write } from "../../terminal.ts";
import { parseInteger } from "../../units.ts";
import { parsePastTime, PAST_TIME_FORM } from "../../time.ts";
import { RnxCommand } from "../base.ts";

const FILTER = v.object({
  tail: v.optional(
    accept("--tail", (text) => parseInteger(text, 0, Number.MAX_SAFE_INTEGER), "a number of lines"),
  ),
  since: v.optional(accept("--since", (text) => parsePastTime(text, new Date()), PAST_TIME_FORM)),
  stream: v.optional(accept("--stream", parseStream, "stdout or stderr")),
});

function parseStream(text: string): "stdout" | "stderr" | undefined {
  return text === "stdout" || text === "stderr" ? text : undefined;
}

/** rnx job log ID */
export class JobLogCommand extends RnxCommand {
  static override operands = { usage: "ID", minimum: 1, maximum: 1 };
  static override usage = Command.Usage({
    description: "print what a job has written",
    details:
      "What the job wrote to standard error goes to standard error, unless --stream picks one. With --json: one\n" +
      "object a line {time, stream, text}, a piece of output each.",
    examples: [
      ["All of it, as it was", "$0 job log 1f3b9c02"],
      ["The last lines, and when they came", "$0 job log --tail 20 --timestamps nightly"],
      ["The errors of the last ten minutes", "$0 job log --stream stderr --since 10min nightly"],
    ],
  });

  tail = StringFlag("--tail", { description: "only the last `N` lines" });
  since = StringFlag("--since", { description: "only from `TIME` on: 10min (ago) or 2026-11-24T12:00:00Z" });
  timestamps = BooleanFlag("--timestamps,-t", false, { description: "the time before each line" });
  stream = StringFlag("--stream", { description: "only `stdout` or stderr, on standard output" });

  override async execute(): Promise<number> {
    const [reference = ""] = this.words;
    const { tail: tailLines, since, stream } = parseFlags(FILTER, this);
    const frames = readLog(getJobPaths(resolveJobReference(reference)).log, { tailLines, since, stream });
    for (const frame of this.timestamps && !this.json ? timestampLines(frames) : frames) {
      if (this.json) print(`${JSON.stringify(describeFrame(frame))}\n`);
      else write(frame.stream === "stdout" || frame.stream === stream ? 1 : 2, frame.bytes);
    }
    return 0;
  }
}

function describeFrame({ time, stream, bytes }: LogFrame): { time: string; stream: string; text: string } {
  return { time, stream, text: decodeBytes(bytes) };
}
