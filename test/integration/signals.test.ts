/** The caller's signals: what they do to the job, to rnx, and to the record. */
import { afterAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { listPids } from "../support/cgroup.ts";
import { RunningJob, START_MS } from "../support/job.ts";
import { makeHome, runShell } from "../support/rnx.ts";
import { patient } from "../support/slowness.ts";

const home = makeHome();
afterAll(() => home.remove());
const start = (...words: string[]) => RunningJob.start(home.path, words);

/** Says that it runs, and sleeps on. */
const SLEEPER = ["sh", "-c", "echo ready; exec sleep 99"] as const;
/** The same with a handler or none («») for a signal; a shell looks at signals between two short sleeps. */
const trapping = (handlers: string) =>
  ["sh", "-c", `${handlers}; echo ready; while :; do sleep 0.1; done`] as const;

describe("D16: a signal to rnx goes to the job", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGQUIT", 131],
  ] as const)("%s ends it, with %d, at once", async (signal, expected) => {
    await using job = await start(...SLEEPER);
    job.signal(signal);
    const { code, tookMs } = await job.end();
    expect(code).toBe(expected);
    expect(tookMs).toBeLessThan(patient(1000));
    expect(job.record).toMatchObject({ status: "FAILED", reason: "signal", signal, exit_code: expected });
    expect(listPids(job.record.uuid)).toEqual([]);
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s that the job handles: the exit code is the job's",
    async (signal) => {
      await using job = await start(...trapping(`trap 'echo bye; exit 7' ${signal.slice(3)}`));
      job.signal(signal);
      expect((await job.end()).code).toBe(7);
      expect(job.stdout).toBe("ready\nbye\n");
      expect(job.record).toMatchObject({ status: "FAILED", reason: "exit", exit_code: 7, signal: null });
    },
  );

  test("a job that handles it and ends with 0 is COMPLETED", async () => {
    await using job = await start(...trapping("trap 'exit 0' TERM"));
    job.signal("SIGTERM");
    expect((await job.end()).code).toBe(0);
    expect(job.record).toMatchObject({ status: "COMPLETED", exit_code: 0 });
  });

  test.each(["SIGUSR1", "SIGUSR2"] as const)("%s is forwarded, and the job goes on", async (signal) => {
    await using job = await start(...trapping(`trap 'echo got' ${signal.slice(3)}`));
    job.signal(signal);
    await job.waitForOutput("got");
    expect(job.record.status).toBe("RUNNING");
    job.signal("SIGTERM");
    expect((await job.end()).code).toBe(143);
  });

  test("one SIGINT leaves a job that ignores it alone; the second kills it at once", async () => {
    await using job = await start(...trapping("trap '' INT"));
    job.signal("SIGINT");
    await Bun.sleep(START_MS);
    expect(job.record.status).toBe("RUNNING");
    job.signal("SIGINT");
    const { code, tookMs } = await job.end();
    expect(code).toBe(137);
    expect(tookMs).toBeLessThan(patient(1000));
    expect(job.record).toMatchObject({
      status: "FAILED",
      reason: "signal",
      signal: "SIGKILL",
      exit_code: 137,
    });
  });

  test.each(["SIGTERM", "SIGHUP"] as const)(
    "a job that ignores %s is killed after --stop-grace",
    async (signal) => {
      await using job = await start("--stop-grace=1s", ...trapping("trap '' TERM HUP"));
      job.signal(signal);
      const { code, tookMs } = await job.end();
      expect(code).toBe(137);
      expect(tookMs).toBeWithin(1000, 1000 + patient(1000));
      expect(job.record).toMatchObject({ status: "FAILED", reason: "signal", signal: "SIGKILL" });
    },
  );
});

test("D16: as timeout(1) sends them", async () => {
  const script = `for s in INT TERM HUP; do
    timeout --preserve-status -s $s ${(2 * START_MS) / 1000} $RNX job run sleep 99; echo $?
  done`;
  const { stdout, stderr } = await runShell(home.path, script, { timeoutMs: patient(20_000) });
  expect(stdout).toBe("130\n143\n129\n");
  expect(stderr).not.toContain("rror");
});

test("a terminal's Ctrl-C reaches the job once, not once from rnx and once from the terminal", async () => {
  // script(1) makes a terminal; its Ctrl-C goes to the foreground process group, which the job is not a member of.
  const program = `trap 'echo int; got=1' INT
    echo ready; while [ -z "$got" ]; do sleep 0.1; done; sleep 0.5; echo end`;
  writeFileSync(join(home.path, "program"), program);
  const script = `(sleep ${START_MS / 1000}; printf '\\003'; sleep ${(2 * START_MS) / 1000}) |
    script -qec "$RNX job run sh program" /dev/null`;
  const { stdout } = await runShell(home.path, script, { cwd: home.path, timeoutMs: patient(20_000) });
  expect(stdout.match(/ready|int|end/g)).toEqual(["ready", "int", "end"]);
});

test("a signal inside the job is the job's end: 128 + its number", async () => {
  await using job = await start("sh", "-c", "echo ready; read _; kill -SEGV $$");
  await job.send("");
  expect((await job.end()).code).toBe(139);
  expect(job.record).toMatchObject({ status: "FAILED", reason: "signal", signal: "SIGSEGV", exit_code: 139 });
});

test("what a job leaves behind ends with it, also what has a session of its own", async () => {
  const script = "setsid sh -c 'trap \"\" HUP TERM; sleep 99' & sleep 99 & echo ready; read _; exit 5";
  await using job = await start("sh", "-c", script);
  const { uuid } = job.record;
  await job.send("");
  const { code, tookMs } = await job.end();
  expect(code).toBe(5);
  expect(tookMs).toBeLessThan(patient(1000));
  expect(listPids(uuid)).toEqual([]);
});
