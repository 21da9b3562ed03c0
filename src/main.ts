import { readArguments } from "./caller.ts";
import { describe } from "./describe.ts";
import { printError, printHint, printNotice, ReaderGone } from "./terminal.ts";
import { describeTrace, tracePhase } from "./trace.ts";

// Failure until success is proven: an event loop that runs dry before a command has answered must not end with 0.
process.exitCode = 1;
tracePhase("start of the program");
process.exitCode = await main();
for (const line of describeTrace()) printNotice(line);

/** Arguments to exit code. The one place where an error becomes text. */
async function main(): Promise<number> {
  try {
    const { runCommand } = await import("./commands/cli.ts");
    return await runCommand(await readArguments());
  } catch (error) {
    if (error instanceof ReaderGone) return 0;
    const { lines, hint, stack, exitCode } = describe(error);
    for (const line of lines) printError(line);
    if (hint !== undefined) printHint(hint);
    for (const line of stack?.split("\n") ?? []) printNotice(line);
    return exitCode;
  }
}
