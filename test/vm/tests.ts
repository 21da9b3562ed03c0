import { addTotals, parseTotals, type Totals, totalsOfOne } from "../support/totals.ts";
import { runBoots } from "./boots.ts";

/** Files of the second boot, and what goes before the reboot between the two. */
const AFTER_REBOOT = "test/vm/reboot/";
const BEFORE_REBOOT = `bash ${AFTER_REBOOT}before.sh && reboot -f`;

const LIMIT_MS = 1_800_000;

/**
 * Runs test files inside the machine and counts their tests; what was not run because the machine hung or
 * crashed is one failure. Tests of a reboot run in a second boot, on the disks of the first.
 */
export async function runTestsInMachine(files: readonly string[]): Promise<Totals> {
  const after = files.filter((file) => file.startsWith(AFTER_REBOOT));
  const before = files.filter((file) => !file.startsWith(AFTER_REBOOT));
  const commands: string[] = [];
  if (before.length > 0) commands.push(runnerOf(before));
  if (after.length > 0) commands.push([...commands.splice(0), BEFORE_REBOOT].join("; "), runnerOf(after));

  let output = "";
  try {
    await runBoots(commands, {
      limitMs: LIMIT_MS,
      onOutput: (text) => {
        output += text;
        process.stdout.write(text);
      },
      onProgress: (line) => console.log(line),
    });
  } catch (error) {
    console.error(`\nvm: ${error instanceof Error ? error.message : error}`);
  }
  const runs = parseTotals(output);
  const areComplete = runs.length === [before, after].filter((part) => part.length > 0).length;
  return addTotals(...runs, ...(areComplete ? [] : [totalsOfOne("vm: the machine's run has no sum", false)]));
}

function runnerOf(files: readonly string[]): string {
  return `RNX_MUST_WORK=1 node_modules/.bin/bun test/run.ts integration ${files.join(" ")}`;
}
