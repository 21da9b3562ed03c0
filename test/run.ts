/**
 * Runs the tests and prints their sum as the last line: «N passed, N failed, N skipped».
 *
 *   bun test/run.ts                     everything
 *   bun test/run.ts PART [FILE...]      one part, or these files of it: check unit integration cli vm
 *
 * Every test file is a process of its own, one after the other: files share the kernel, and a test that
 * measures time or limits must not compete with another.
 */
import { totalsOfFiles } from "./support/testfile.ts";
import { addTotals, describeRun, describeSum, NOTHING, type Totals, totalsOfOne } from "./support/totals.ts";
import { runTestsInMachine } from "./vm/tests.ts";

type Part = (files: readonly string[]) => Promise<Totals>;

const PARTS: Readonly<Record<string, Part>> = {
  check: runChecks,
  unit: (files) => totalsOfFiles(files.length > 0 ? files : [...list("unit"), "test/rules.test.ts"]),
  integration: (files) => totalsOfFiles(files.length > 0 ? files : list("integration")),
  cli: (files) => totalsOfFiles(files.length > 0 ? files : list("cli")),
  vm: (files) => runTestsInMachine(files.length > 0 ? files : [...list("integration"), ...list("vm")]),
};

// So that handlers of "exit" run: the machine's disks are removed, whoever ends the run.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

const [chosen, ...files] = Bun.argv.slice(2);
const parts = Object.entries(PARTS).filter(([name]) => chosen === undefined || name === chosen);
if (parts.length === 0) {
  console.error(`Error: no such part: ${chosen}; one of ${Object.keys(PARTS).join(", ")}`);
  process.exit(2);
}

let all = NOTHING;
for (const [name, run] of parts) {
  const start = performance.now();
  const totals = await run(files);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`\n${name}: ${describeSum(totals)} in ${seconds} s\n`);
  all = addTotals(all, totals);
}
console.log(describeRun(all));
process.exitCode = all.failed > 0 ? 1 : 0;

/** The test files of a folder, those of its own first. */
function list(folder: string): string[] {
  return [...new Bun.Glob(`test/${folder}/**/*.test.ts`).scanSync()].sort();
}

/** The formatter and the type checker, each counting as one test. */
async function runChecks(): Promise<Totals> {
  const checks = [["fmt", "--check"], ["check"]];
  let sum = NOTHING;
  for (const [command = "", ...rest] of checks) {
    // --no-script: package.json has a script named check, which bun would run instead of its checker.
    const child = Bun.spawn([process.execPath, command, "--no-script", ...rest], {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
    });
    sum = addTotals(sum, totalsOfOne(`bun ${command}`, (await child.exited) === 0));
  }
  return sum;
}
