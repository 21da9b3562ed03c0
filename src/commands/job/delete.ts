import { Command } from "clipanion/lib/advanced/Command";
import { Boolean as BooleanFlag } from "clipanion/lib/advanced/options/Boolean";
import { deleteJobs } from "../../jobs/delete.ts";
import { RnxCommand } from "../base.ts";
import { reportDeletion } from "./report-deletion.ts";

/** rnx job delete ID... */
export class JobDeleteCommand extends RnxCommand {
  static override operands = { usage: "ID...", minimum: 1, maximum: Infinity };
  static override usage = Command.Usage({
    description: "delete jobs that are over: record, log and files",
    examples: [
      ["By the first characters of the id, or by name", "$0 job delete 1f3b9c02 nightly"],
      ["One that still runs: it is killed first", "$0 job delete --force 1f3b9c02"],
    ],
  });

  force = BooleanFlag("--force,-f", false, {
    description: "also a running job, killed first, or one whose record cannot be read",
  });

  override async execute(): Promise<number> {
    return reportDeletion(await deleteJobs(this.words, this.force), this.json);
  }
}
