import { afterAll, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { $ } from "bun";
import { IS_IN_VM, requires } from "../support/requires.ts";
import { makeHome, RNX, runRnx } from "../support/rnx.ts";
import { patient } from "../support/slowness.ts";

const onSystemd = requires(IS_IN_VM, "needs systemd and cgroup v2");
const home = makeHome();
afterAll(() => home.remove());

/** What the flags of the job below mean to the kernel. */
const LIMITS = {
  "memory.max": "67108864",
  "memory.swap.max": "0",
  "cpu.max": "50000 100000",
  "cpuset.cpus": "1",
  "pids.max": "20",
};
const FLAGS = ["--max-memory=64", "--max-cpu=50", "--cpu-cores=1", "--max-pids=20"];

/** Each makes systemd write cgroup files again, of its own units only if ours are kept from it. */
const DISTURBANCES = [
  "systemctl daemon-reload",
  "systemctl daemon-reexec",
  "systemd-run --wait --collect --property=MemoryMax=1G --property=TasksMax=100 true",
  "systemctl daemon-reload",
];

onSystemd(
  "a running job's limits outlast systemd's reload, its re-execution and other units",
  async () => {
    await using job = Bun.spawn([RNX, "job", "run", "--name=reload", ...FLAGS, "sleep", "10000"], {
      env: { ...process.env, RNX_HOME: home.path },
      stdin: "ignore",
    });
    const uuid = await waitForUuid("reload");
    expect(readLimits(uuid)).toEqual(LIMITS);
    for (const command of DISTURBANCES) {
      await $`sh -c ${command}`.quiet();
      expect({ command, ...readLimits(uuid) }).toEqual({ command, ...LIMITS });
    }
    expect(job.exitCode).toBeNull();
  },
  patient(20_000),
);

function readLimits(uuid: string): Record<string, string> {
  const group = join("/sys/fs/cgroup/joblet", uuid);
  return Object.fromEntries(
    Object.keys(LIMITS).map((file) => [file, readFileSync(join(group, file), "utf8").trim()]),
  );
}

/** The id of the job of that name, once it runs. */
async function waitForUuid(name: string): Promise<string> {
  for (;;) {
    const { code, stdout } = await runRnx(home.path, ["--json", "job", "status", name]);
    const job = code === 0 ? (JSON.parse(stdout) as { uuid: string; status: string }) : undefined;
    if (job?.status === "RUNNING") return job.uuid;
    await Bun.sleep(patient(10));
  }
}
