/** Jobs that run at once, of one RNX_HOME and of two, share the host's ids, cgroups and names without a clash. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { guardHost } from "../support/clean.ts";
import { readJobs, RunningJob } from "../support/job.ts";
import { makeHome, runRnx, runShell } from "../support/rnx.ts";
import { patient, SLOWNESS } from "../support/slowness.ts";

const home = makeHome();
const otherHome = makeHome();
guardHost(home.path);
afterAll(() => {
  home.remove();
  otherHome.remove();
});

/** Waits for a line when it has said who and where it is, so that all the jobs of a test are there at once. */
const WHO = "hostname; echo $JOB_ID; cat /proc/self/uid_map; echo ready; read _";

interface Who {
  readonly hostname: string;
  readonly id: string;
  readonly firstId: string;
}

function readWho(stdout: string): Who {
  const [hostname = "", id = "", map = ""] = stdout.split("\n");
  return { hostname, id, firstId: map.trim().split(/\s+/)[1] ?? "" };
}

/** Runs so many jobs at once, and each to its end. */
async function runAtOnce(homes: readonly string[]): Promise<Who[]> {
  const jobs = await Promise.all(
    homes.map((path) => RunningJob.start(path, ["sh", "-c", WHO], patient(60_000))),
  );
  const who = jobs.map((job) => readWho(job.stdout));
  expect(jobs.map((job) => job.record.status)).toEqual(homes.map(() => "RUNNING"));
  await Promise.all(jobs.map((job) => job.send("")));
  const ends = await Promise.all(jobs.map((job) => job.end()));
  expect(ends.map(({ code }) => code)).toEqual(homes.map(() => 0));
  expect(jobs.map((job) => job.record.status)).toEqual(homes.map(() => "COMPLETED"));
  expect(jobs.map((job) => job.stderr).join("")).toBe("");
  return who;
}

function expectDistinct(who: readonly Who[]): void {
  for (const key of ["hostname", "id", "firstId"] as const) {
    expect(new Set(who.map((one) => one[key])).size).toBe(who.length);
  }
  for (const { firstId } of who) {
    expect(Number(firstId)).toBeGreaterThanOrEqual(524_288);
    expect(Number(firstId) % 65_536).toBe(0);
  }
}

test("two at once", async () => {
  expectDistinct(await runAtOnce([home.path, home.path]));
});

test("two at once, of two RNX_HOMEs: the ids are the host's", async () => {
  expectDistinct(await runAtOnce([home.path, otherHome.path]));
});

test(
  "50 at once: each is whole, none has another's name, id or user ids",
  async () => {
    expectDistinct(await runAtOnce(Array<string>(50).fill(home.path)));
  },
  patient(120_000),
);

test(
  "50 started at once, the first ones in a new RNX_HOME: each prints its own line",
  async () => {
    const newHome = join(home.path, "new");
    mkdirSync(newHome);
    const count = SLOWNESS > 4 ? 20 : 50;
    const script = `seq ${count} | xargs -P${count} -I{} $RNX job run echo line-{} | sort -V`;
    const { stdout, stderr } = await runShell(newHome, script, { timeoutMs: patient(60_000) });
    expect(stderr).toBe("");
    expect(stdout).toBe(Array.from({ length: count }, (_, i) => `line-${i + 1}\n`).join(""));
    expect(readJobs(newHome).map(({ status }) => status)).toEqual(Array<string>(count).fill("COMPLETED"));
  },
  patient(120_000),
);

test("jobs may have the same name: the newest is meant", async () => {
  for (const word of ["old", "new"]) {
    expect((await runRnx(home.path, ["job", "run", "--name=same", "echo", word])).code).toBe(0);
  }
  expect((await runRnx(home.path, ["job", "log", "same"])).stdout).toBe("new\n");
});

test(
  "a list that is asked for while jobs come and go is whole each time",
  async () => {
    const script = `
    (for i in $(seq 15); do $RNX job run --rm true; done) & 
    (for i in $(seq 15); do $RNX job run true; done) &
    for i in $(seq 15); do $RNX job list --json >/dev/null || echo failed; done
    wait`;
    expect(await runShell(home.path, script, { timeoutMs: patient(60_000) })).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  },
  patient(60_000),
);
