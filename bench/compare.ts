/**
 * How long the programs take to run `true`, side by side, and how rnx divides its time: bun bench/compare.ts [--rounds N]
 *
 * One run measures all of them in turn, since machines differ from hour to hour: only the ratios are worth quoting.
 * Each round has an order of chance, or one program would always pay for what the one before left the kernel to do.
 */
import { parseArgs } from "node:util";
import { describeMachine } from "./machine.ts";
import { BUBBLEWRAP_ROW, BUN_ROW, findPrograms, type Program, RNX_ROW } from "./programs.ts";
import { median, quantile, shuffle } from "./statistics.ts";
import { formatMs, formatTable } from "./table.ts";
import { parseTrace, summarizeTraces, type TracedRun } from "./trace.ts";
import { Workspace } from "./workspace.ts";

const WARM_UP_ROUNDS = 3;

const { values } = parseArgs({ options: { rounds: { type: "string", default: "50" } } });
const rounds = Number(values.rounds);

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
  console.log(`\n${formatTable([`${RNX_ROW}, by medians`, "times"], describeRatios(samples))}`);
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
  return [name, ...[median(values), quantile(values, 0.9), Math.min(...values)].map(formatMs)];
}

/** rnx against Bun and a sandbox added up, which is what it consists of, then against each of the others. */
function describeRatios(samples: ReadonlyMap<string, readonly number[]>): string[][] {
  const medians = new Map(Array.from(samples, ([name, values]) => [name, median(values)]));
  const own = medians.get(RNX_ROW) ?? NaN;
  const parts = [medians.get(BUN_ROW), medians.get(BUBBLEWRAP_ROW)];
  const others = ["crun", "runc", "podman", "systemd-run"].map((name) => [name, medians.get(name)] as const);
  return [
    [`(${BUN_ROW} + ${BUBBLEWRAP_ROW})`, parts.reduce((sum = NaN, ms = NaN) => sum + ms)] as const,
    ...others,
  ].flatMap(([name, ms = NaN]) => (Number.isNaN(ms) ? [] : [[name, (own / ms).toFixed(2)]]));
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
