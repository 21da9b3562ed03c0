/**
 * The benchmarks of a start: rnx beside the programs that do such things, then many jobs in a row.
 *
 *   bun bench/start.ts [--rounds=N] [--jobs=N] [--vm]
 *
 * A number of 0 leaves that part out.
 * --vm measures in the machine of test/vm, which has systemd, cgroup v2 and podman, and is emulated where there
 * is no KVM. Nothing is installed; what is not there is named with the command that installs it.
 */
import { parseArgs } from "node:util";
import { runBoots } from "../test/vm/boots.ts";
import { parseCount } from "./flags.ts";
import { hideControllers } from "./hybrid.ts";

const VM_LIMIT_MS = 3_600_000;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "50" },
    jobs: { type: "string", default: "1000" },
    vm: { type: "boolean", default: false },
  },
});
const rounds = parseCount("rounds", values.rounds);
const jobs = parseCount("jobs", values.jobs);

process.exitCode = values.vm ? await runInMachine() : await runHere();

async function runHere(): Promise<number> {
  if (rounds > 0) {
    const status = await run(hideControllers([process.execPath, "bench/compare.ts", `--rounds=${rounds}`]));
    if (status !== 0) return status;
    console.log();
  }
  return jobs > 0 ? await run([process.execPath, "bench/many.ts", `--jobs=${jobs}`]) : 0;
}

async function runInMachine(): Promise<number> {
  const command = `node_modules/.bin/bun bench/start.ts --rounds=${rounds} --jobs=${jobs}`;
  const statuses = await runBoots([command], {
    packages: ["runc", "podman"],
    limitMs: VM_LIMIT_MS,
    onOutput: (text) => process.stdout.write(text),
    onProgress: (line) => console.error(line),
  });
  return statuses.at(-1) ?? 1;
}

async function run(argv: readonly string[]): Promise<number> {
  const cwd = `${import.meta.dir}/..`;
  return await Bun.spawn([...argv], { cwd, stdin: "ignore", stdout: "inherit", stderr: "inherit" }).exited;
}
