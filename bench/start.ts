/**
 * The benchmarks of a start: rnx beside the programs that do such things, then many jobs in a row.
 *
 *   bun bench/start.ts [--rounds N] [--jobs N] [--vm]
 *
 * --vm measures in the machine of test/vm, which has systemd, cgroup v2 and podman, and is emulated where there
 * is no KVM. Nothing is installed; what is not there is named with the command that installs it.
 */
import { parseArgs } from "node:util";
import { runBoots } from "../test/vm/boots.ts";
import { hideControllers } from "./hybrid.ts";

const VM_LIMIT_MS = 3_600_000;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "50" },
    jobs: { type: "string", default: "1000" },
    vm: { type: "boolean", default: false },
  },
});
const flags = [`--rounds=${Number(values.rounds)}`, `--jobs=${Number(values.jobs)}`] as const;

process.exitCode = values.vm ? await runInMachine() : await runHere();

async function runHere(): Promise<number> {
  const [rounds, jobs] = flags;
  const compared = await run(hideControllers([process.execPath, "bench/compare.ts", rounds]));
  if (compared !== 0) return compared;
  console.log();
  return await run([process.execPath, "bench/many.ts", jobs]);
}

async function runInMachine(): Promise<number> {
  const statuses = await runBoots([`node_modules/.bin/bun bench/start.ts ${flags.join(" ")}`], {
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
