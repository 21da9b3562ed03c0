import { Command } from "clipanion/lib/advanced/Command";
import { deleteEndedJobs } from "../../jobs/delete.ts";
import { RnxCommand } from "../base.ts";
import { reportDeletion } from "./report-deletion.ts";

/** rnx job delete-all */
export class JobDeleteAllCommand extends RnxCommand {
  static override usage = Command.Usage({
    description: "delete every job that is over; running and scheduled ones stay",
    examples: [["Clear the list", "$0 job delete-all"]],
  });

  override async execute(): Promise<number> {
    return reportDeletion(await deleteEndedJobs(), this.json);
  }
}
