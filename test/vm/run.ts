/**
 * Runs commands as root in the test machine, in the directory /rnx, a copy of this repository:
 *
 *   bun test/vm/run.ts [--with PACKAGE,...] COMMAND...
 *
 * Each COMMAND is one line of bash and gets a boot of its own, all on the same disks; --with adds Debian
 * packages to the image (kept in the cache, as every image). Exit status: the last command's.
 */
import { parseArgs } from "node:util";
import { runBoots } from "./boots.ts";

const { values, positionals } = parseArgs({
  args: Bun.argv.slice(2),
  options: { with: { type: "string", default: "" } },
  allowPositionals: true,
});

const statuses = await runBoots(positionals, {
  packages: values.with.split(",").filter((name) => name !== ""),
  limitMs: 3_600_000,
  onOutput: (text) => process.stdout.write(text),
  onProgress: (line) => console.error(line),
});
process.exitCode = statuses.at(-1) ?? 0;
