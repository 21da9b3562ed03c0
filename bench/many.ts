/**
 * Many jobs, one after the other: how long each takes, and whether the host holds more afterwards than before.
 *
 *   bun bench/many.ts [--jobs N]
 */
import { RNX } from "../test/support/rnx.ts";
import { SLOWNESS } from "../test/support/slowness.ts";
import { readCount } from "./flags.ts";
import { countHoldings } from "./holdings.ts";
import { describeMachine } from "./machine.ts";
import { median, quantile } from "./statistics.ts";
import { formatMs, formatTable } from "./table.ts";
import { Workspace } from "./workspace.ts";

/** What has to be reached, in milliseconds; an emulated machine proves nothing about time. */
const [P50_LIMIT, P99_LIMIT] = SLOWNESS === 1 ? ["30", "80"] : ["", ""];

/** How far a count may be off: other programs open files too. */
const TOLERANCE = 5;
/** Time for the kernel to free what it frees in the background. */
const SETTLING_MS = 10_000;

const WARM_UP_JOBS = 10;

const jobs = readCount("jobs", 1000);

using workspace = new Workspace();
for (let job = 0; job < WARM_UP_JOBS; job++) runJob();
console.log(`${jobs} jobs, one after the other; ${describeMachine()}\n`);
const before = countHoldings();
const samples = Array.from({ length: jobs }, runJob);
const after = await settle(before);

const tenth = Math.ceil(jobs / 10);
console.log(
  formatTable(
    ["rnx job run true", "ms", "limit"],
    [
      ["p50", formatMs(median(samples)), P50_LIMIT],
      ["p90", formatMs(quantile(samples, 0.9)), ""],
      ["p99", formatMs(quantile(samples, 0.99)), P99_LIMIT],
      ["longest", formatMs(Math.max(...samples)), ""],
      ["p50 of the first tenth", formatMs(median(samples.slice(0, tenth))), ""],
      ["p50 of the last tenth", formatMs(median(samples.slice(-tenth))), ""],
    ],
  ),
);
const rows = Array.from(before, ([name, count]) => [name, String(count), String(after.get(name))]);
console.log(`\n${formatTable(["the host holds", "before", "after"], rows)}`);

function runJob(): number {
  return workspace.time([RNX, "job", "run", "--network=none", "true"]);
}

/** The counts once they are near those of before, or after a while as they are. */
async function settle(before: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, number>> {
  const deadline = performance.now() + SETTLING_MS;
  for (;;) {
    const now = countHoldings();
    const isNear = now.entries().every(([name, count]) => count - (before.get(name) ?? 0) <= TOLERANCE);
    if (isNear || performance.now() > deadline) return now;
    await Bun.sleep(100);
  }
}
