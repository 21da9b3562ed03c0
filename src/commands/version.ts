import { Command } from "clipanion/lib/advanced/Command";
import { print, printJson } from "../terminal.ts";
import { version } from "../version.ts";
import { RnxCommand } from "./base.ts";

/** rnx version */
export class VersionCommand extends RnxCommand {
  static override needsRoot = false;
  static override usage = Command.Usage({
    description: "print the version of rnx",
    examples: [["The version alone, for a script", "$0 version --json | jq -r .version"]],
  });

  override async execute(): Promise<number> {
    if (this.json) printJson({ version, architecture: process.arch });
    else print(`rnx ${version} (${process.arch})\n`);
    return 0;
  }
}
