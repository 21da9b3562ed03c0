import { Command } from "clipanion/lib/advanced/Command";
import { type CheckResult, runChecks } from "../host/doctor.ts";
import { readConfig } from "../state/config.ts";
import { getHome } from "../state/paths.ts";
import { paint, print, printable, printJson } from "../terminal.ts";
import { RnxCommand } from "./base.ts";

/** rnx doctor */
export class DoctorCommand extends RnxCommand {
  static override usage = Command.Usage({
    description: "tell what this host can and cannot do, and how to mend it",
    details: "The exit code is 1 when something keeps every job from running.",
    examples: [
      ["Everything", "$0 doctor"],
      ["What needs mending, for a script", `$0 doctor --json | jq '.[] | select(.state != "ok")'`],
    ],
  });

  override async execute(): Promise<number> {
    const { minFree, ids } = await readConfig();
    const results = runChecks({ home: getHome(), disk: minFree, ids });
    if (this.json) printJson(results);
    else print(results.map(describeResult).join(""));
    return results.some(({ state }) => state === "failed") ? 1 : 0;
  }
}

const STYLES = { ok: "green", warning: "yellow", failed: "red" } as const;

function describeResult({ name, state, detail, mend }: CheckResult): string {
  const line = `${paint(1, STYLES[state], state.padEnd(7))}  ${name}: ${printable(detail)}\n`;
  return mend === undefined ? line : `${line}         mend: ${printable(mend)}\n`;
}
