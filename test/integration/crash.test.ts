/** Whatever is killed, at whatever moment: no job outlives its supervisor, no record stays unfinished, nothing is left. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPidOne, listPids, UNIFIED } from "../support/cgroup.ts";
import { expectClean, guardHost, snapshotHost } from "../support/clean.ts";
import { FINAL_STATUSES, readJobs, RunningJob, runJob, waitFor } from "../support/job.ts";
import { makeHome, runRnx, runShell } from "../support/rnx.ts";
import { patient, SLOWNESS } from "../support/slowness.ts";

const home = makeHome();
afterAll(() => home.remove());
guardHost(home.path);
const start = (...words: string[]) => RunningJob.start(home.path, words);

const isAlive = (pid: number) => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ");
  } catch {
    return false;
  }
};

/** Any command ends the records of the lost; afterwards all have to be final, and nothing half-made is left. */
async function expectAllFinal(path: string): Promise<void> {
  expect((await runRnx(path, ["job", "list"], { timeoutMs: patient(60_000) })).code).toBe(0);
  const unfinished = readJobs(path).filter(({ status }) => !FINAL_STATUSES.includes(status));
  expect(unfinished).toEqual([]);
  expect(readdirSync(join(path, "jobs")).filter((name) => name.startsWith("."))).toEqual([]);
}

describe("a supervisor that is killed", () => {
  /** Kills the supervisor, expects the job to be gone at once, and the record to say what happened. */
  async function killSupervisor(job: RunningJob): Promise<void> {
    const { uuid } = job.record;
    const members = listPids(uuid);
    expect(members.length).toBeGreaterThanOrEqual(1);
    const pids = [findPidOne(job.pid), ...members];
    job.signal("SIGKILL");
    await waitFor("the end of all processes", () => !pids.some(isAlive), patient(2000));
    expect(listPids(uuid)).toEqual([]);
    await expectAllFinal(home.path);
    expect(job.record).toMatchObject({ status: "FAILED", reason: "supervisor-lost", exit_code: null });
  }

  test("D01: takes its job along", async () => {
    await using job = await start("sh", "-c", "echo ready; sleep 1000");
    await killSupervisor(job);
    expect(job.record.message).toMatch(/killed/);
  });

  test("also one that has daemons in sessions of their own", async () => {
    const daemon = `setsid sh -c "trap '' HUP TERM INT; setsid sleep 1000 & sleep 1000" >/dev/null 2>&1 &`;
    await using job = await start("sh", "-c", `${daemon} sleep 0.2; echo ready; sleep 1000`);
    await killSupervisor(job);
  });

  test("also one that holds every descriptor of PID 1 open, to read and to write", async () => {
    const hold = 'for fd in /proc/1/fd/*; do exec {x}<>"$fd"; exec {x}>"$fd"; exec {x}<"$fd"; done';
    await using job = await start(
      "bash",
      "-c",
      `${hold} 2>/dev/null; trap '' TERM HUP; echo ready; sleep 1000`,
    );
    await killSupervisor(job);
  });

  test("also one that is stopped", async () => {
    await using job = await start("bash", "-c", "echo ready; kill -STOP $$");
    await killSupervisor(job);
  });

  test("its job can be found, deleted and is no obstacle to the next", async () => {
    await using job = await start("sh", "-c", "echo ready; sleep 1000");
    job.signal("SIGKILL");
    await job.end();
    expect((await runJob(home.path, ["true"])).code).toBe(0);
    const { code, stdout } = await runRnx(home.path, ["job", "status", "--json", job.name]);
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({
      code: 0,
      status: "FAILED",
      reason: "supervisor-lost",
    });
    expect((await runRnx(home.path, ["job", "delete", job.name])).code).toBe(0);
  });
});

describe("D19: a job of which a process is killed from the host", () => {
  test.each([
    ["PID 1", true],
    ["its main process", false],
  ])("%s: FAILED with 137 within 2 s", async (_, wantsPidOne) => {
    await using job = await start("sh", "-c", "echo ready; exec sleep 1000");
    const pid = wantsPidOne ? findPidOne(job.pid) : (listPids(job.record.uuid)[0] ?? 0);
    process.kill(pid, "SIGKILL");
    const { code, tookMs } = await job.end();
    expect(code).toBe(137);
    expect(tookMs).toBeLessThan(patient(2000));
    expect(job.record).toMatchObject({
      status: "FAILED",
      reason: "signal",
      signal: "SIGKILL",
      exit_code: 137,
    });
  });
});

test(
  "D02: rnx killed at any moment of a start leaves nothing once a list was asked for",
  async () => {
    const points = SLOWNESS > 4 ? 15 : 60;
    const stepSeconds = SLOWNESS > 4 ? 0.06 : 0.001;
    // From one step on: for timeout(1), 0 means none.
    const script = `for t in $(seq ${stepSeconds} ${stepSeconds} ${points * stepSeconds}); do
      timeout -s KILL $t $RNX job run sleep 5 2>/dev/null
    done; true`;
    await runShell(home.path, script, { timeoutMs: patient(60_000) });
    await expectAllFinal(home.path);
    expect((await runJob(home.path, ["true"])).code).toBe(0);
  },
  patient(60_000),
);

describe("D24: what lies in the way of a start", () => {
  test("a foreign cgroup, a half-made job, a free lease, a lock file", async () => {
    const id = crypto.randomUUID();
    const foreign = join(UNIFIED, "joblet", "foreign");
    const halfMade = join(home.path, "jobs", `.new-${id}`);
    mkdirSync(halfMade, { recursive: true });
    writeFileSync(join(halfMade, "job.json"), '{"uuid": "');
    mkdirSync("/run/rnx/ids", { recursive: true });
    writeFileSync("/run/rnx/ids/8", `${UNIFIED}/joblet/${id}`);
    const { code } = await runShell(
      home.path,
      `mkdir ${foreign} && $RNX job run true && test -d ${foreign} && rmdir ${foreign}`,
    );
    expect(code).toBe(0);
    await expectAllFinal(home.path);
  });

  test("a mount on the directory of an ended job is left alone, and not deleted through", async () => {
    const { job } = await runJob(home.path, ["true"]);
    const directory = join(home.path, "jobs", job.uuid, "upper");
    const script = `
      mkdir -p ${directory} && mount -t tmpfs none ${directory} && echo canary >${directory}/canary
      $RNX job run true; echo $?
      $RNX job list >/dev/null; echo $?
      $RNX job delete ${job.uuid} >/dev/null 2>&1; echo $?
      cat ${directory}/canary; umount ${directory}
      $RNX job delete ${job.uuid} >/dev/null; echo $?`;
    const { stdout } = await runShell(home.path, script, { timeoutMs: patient(30_000) });
    expect(stdout).toBe("0\n0\n1\ncanary\n0\n");
  });
});

test("after 1,000 jobs, 50 of them killed at random moments, nothing is left once a list was asked for", async () => {
  const own = makeHome();
  using _ = { [Symbol.dispose]: () => own.remove() };
  const before = snapshotHost();
  // In the slow test machine 100, 10 of them killed: the same in a tenth of the time.
  const [jobs, kills] = SLOWNESS > 4 ? [100, 10] : [1000, 50];
  const every = jobs / kills;
  const longestMs = SLOWNESS > 4 ? 1000 : 60;
  const one = `if [ $(({} % ${every})) = 0 ]; then
        (timeout -s KILL $(printf 0.%03d $((RANDOM % ${longestMs}))) $RNX job run sleep 5; true) 2>/dev/null
      else
        $RNX job run true
      fi`;
  const script = `seq ${jobs} | xargs -P4 -I{} bash -c '${one}'`;
  const { code, stderr } = await runShell(own.path, script, { timeoutMs: 280_000 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  await expectAllFinal(own.path);
  await expectClean(before, own.path);
  const completed = readJobs(own.path).filter(({ status }) => status === "COMPLETED").length;
  expect(completed).toBeGreaterThanOrEqual(jobs - kills);
}, 290_000);
