/** A full disk below RNX_HOME: nothing half-made is left, and a job that runs comes to its end. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { readJobs, RunningJob } from "../support/job.ts";
import { makeHome, runRnx } from "../support/rnx.ts";
import { patient } from "../support/slowness.ts";

const parent = makeHome();
const home = join(parent.path, "small");

beforeAll(() => {
  mkdirSync(home);
  const { exitCode } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=20m,mode=700", "rnx-test", home]);
  expect(exitCode).toBe(0);
  // Else the check of the free disk would be all that is met.
  writeFileSync(join(home, "rnx.yml"), "min_free: {percent: 0}\n");
});
afterAll(() => {
  Bun.spawnSync(["umount", home]);
  parent.remove();
});

function fill(): void {
  const fd = openSync(join(home, "fill"), "w");
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096, "x"));
  } catch (error) {
    expect((error as { code?: string }).code).toBe("ENOSPC");
  } finally {
    closeSync(fd);
  }
}

const rnx = (...words: string[]) => runRnx(home, words, { timeoutMs: patient(20_000) });

describe("D05: a disk that is full before the job", () => {
  test("125 that says so, and no record; what there is can be listed, read and deleted", async () => {
    expect((await rnx("job", "run", "--name=before", "echo", "kept")).code).toBe(0);
    fill();
    const refused = await rnx("job", "run", "true");
    expect(refused.code).toBe(125);
    expect(refused.stderr).toMatch(/^Error: .*ENOSPC/);
    expect(readJobs(home).map(({ name }) => name)).toEqual(["before"]);
    expect(await rnx("job", "log", "before")).toEqual({ code: 0, stdout: "kept\n", stderr: "" });
    expect((await rnx("job", "list")).code).toBe(0);
    expect((await rnx("job", "delete", "before")).code).toBe(0);
    expect(readdirSync(join(home, "jobs"))).toEqual([]);
    rmSync(join(home, "fill"));
  });
});

describe("D06: a disk that gets full while the job runs", () => {
  test("output and exit code reach the caller, the record its end, and the log says that it was cut", async () => {
    await using job = await RunningJob.start(home, ["sh", "-c", "echo ready; read x; seq 100000; exit 7"]);
    fill();
    await job.send("go");
    expect((await job.end()).code).toBe(7);
    expect(job.stdout.split("\n")).toHaveLength(100_002);
    expect(job.record).toMatchObject({ status: "FAILED", reason: "exit", exit_code: 7 });
    const log = await rnx("job", "log", job.name);
    expect(log.code).toBe(0);
    expect(log.stdout).toStartWith("ready\n");
    expect(log.stdout + log.stderr).toContain("the log is cut here: ENOSPC");
  });
});
