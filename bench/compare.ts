/**
 * How long the programs take to run `true`, side by side, and how rnx divides its time: bun bench/compare.ts [--rounds N]
 *
 * One run measures all of them in turn, since machines differ from hour to hour: only the ratios are worth quoting.
 * Each round has an order of chance, or one program would always pay for what the one before left the kernel to do.
 */
import { readCount } from "./flags.ts";
import { describeMachine } from "./machine.ts";
import { BUBBLEWRAP_ROW, BUN_ROW, findPrograms, type Program, RNX_ROW } from "./programs.ts";
import { median, quantile, shuffle } from "./statistics.ts";
import { formatMs, formatTable } from "./table.ts";
import { parseTrace, summarizeTraces, type TracedRun } from "./trace.ts";
import { Workspace } from "./workspace.ts";

const WARM_UP_ROUNDS = 3;

const rounds = readCount("rounds", 50);

using workspace = new Workspace();
const { present, absent } = await findPrograms(workspace);
console.log(`Start to end of \`true\`, ${rounds} rounds in turn; ${describeMachine()}\n`);
const samples = measure(present, workspace);
console.log(formatTable(["program", "median ms", "p90", "min"], [...samples].map(describeRow)));
if (absent.length > 0) console.log();
for (const { name, reason } of absent) console.log(`- ${name}: ${reason}`);

const rnx = present.find(({ name }) => name === RNX_ROW);
if (rnx === undefined) {
  process.exitCode = 1;
} else {
  console.log(
    `\n${formatTable([`${RNX_ROW} takes that of`, "times, by medians", "by minima"], describeRatios(samples))}`,
  );
  const phases = summarizeTraces(Array.from({ length: rounds }, () => trace(rnx, workspace)));
  const rows = phases.map(({ name, ms }) => [name, formatMs(ms)]);
  console.log(`\n${formatTable([`phase of ${RNX_ROW}`, "median ms"], rows)}`);
}

function measure(programs: readonly Program[], workspace: Workspace): Map<string, number[]> {
  const samples = new Map(programs.map(({ name }) => [name, Array<number>()]));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const { name, argv } of shuffle(programs)) {
      const ms = workspace.time(argv);
      if (round >= 0) samples.get(name)?.push(ms);
    }
  }
  return samples;
}

function describeRow([name, values]: readonly [string, readonly number[]]): string[] {
  return [name, ...[median(values), quantile(values, 0.9), leastOf(values)].map(formatMs)];
}

/** rnx against Bun and a sandbox added up, which is what it consists of, then against each of the others. */
function describeRatios(samples: ReadonlyMap<string, readonly number[]>): string[][] {
  const rivals = [[BUN_ROW, BUBBLEWRAP_ROW], ["crun"], ["runc"], ["podman"], ["systemd-run"]];
  return rivals
    .filter((names) => names.every((name) => samples.has(name)))
    .map((names) => {
      const ratios = [median, leastOf].map((figure) => {
        const of = (name: string) => figure(samples.get(name) ?? []);
        return of(RNX_ROW) / names.map(of).reduce((sum, ms) => sum + ms);
      });
      return [names.join(" + "), ...ratios.map((ratio) => ratio.toFixed(2))];
    });
}

function leastOf(values: readonly number[]): number {
  return Math.min(...values);
}

function trace({ argv }: Program, { environment }: Workspace): TracedRun {
  const start = Bun.nanoseconds();
  const { stderr } = Bun.spawnSync([...argv], {
    env: { ...environment, RNX_TRACE: "1" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  return { totalMs: (Bun.nanoseconds() - start) / 1e6, phases: parseTrace(stderr.toString()) };
}
