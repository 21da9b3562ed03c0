/** The limits of a job: what the kernel has while it runs, and what becomes of a job that meets one. */
import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { findController, groupOf, listPids, readGroupFile, readLimit, versionOf } from "../support/cgroup.ts";
import { durationOf, readJob, readJobs, RunningJob, runJob } from "../support/job.ts";
import { requires, requiresOutsideVm } from "../support/requires.ts";
import { makeHome, runShell } from "../support/rnx.ts";
import { patient, SLOWNESS } from "../support/slowness.ts";

const home = makeHome();
afterAll(() => home.remove());
const run = (...words: string[]) => runJob(home.path, words);
const start = (...words: string[]) => RunningJob.start(home.path, words);

const MEBIBYTE = 1024 * 1024;
/** Says that it runs, and goes on when a line comes: time for the test to look at it. */
const PYTHON_PAUSE = "import sys; print('ready', flush=True); sys.stdin.readline()";

test("B01: a job beyond --max-memory is killed, and the last line says by which limit", async () => {
  await using job = await start("--max-memory=64", "python3", "-c", `${PYTHON_PAUSE}; bytearray(200 << 20)`);
  expect(readLimit.memory(job.record.uuid)).toBe(String(64 * MEBIBYTE));
  expect(readLimit.swap(job.record.uuid)).toBe("0");
  if (versionOf("memory") === 2) {
    const file = { v1: "", v2: "memory.oom.group" };
    expect(readGroupFile("memory", file, job.record.uuid)).toBe("1");
  }
  await job.send("");
  const { code, tookMs } = await job.end();
  expect(code).toBe(137);
  expect(tookMs).toBeLessThan(patient(10_000));
  expect(job.record).toMatchObject({ status: "FAILED", reason: "oom", exit_code: 137, signal: "SIGKILL" });
  expect(job.stderr.trimEnd().split("\n").at(-1)).toMatch(/memory.*\b64MB\b.*--max-memory/);
});

test("B03: the whole job dies of --max-memory, not only the process that took it", async () => {
  const program = `${PYTHON_PAUSE}; import os, time; os.fork() and time.sleep(600); x = bytearray(200 << 20)`;
  await using job = await start("--max-memory=64", "python3", "-c", program);
  await job.send("");
  const { code, tookMs } = await job.end();
  expect(code).toBe(137);
  expect(tookMs).toBeLessThan(patient(10_000));
  expect(job.record).toMatchObject({ status: "FAILED", reason: "oom" });
});

test(
  "B06: --max-cpu=50 gives half a core",
  async () => {
    const script = "timeout 10 sh -c 'while :; do :; done'; echo ready; read _";
    await using job = await RunningJob.start(
      home.path,
      ["--max-cpu=50", "sh", "-c", script],
      patient(20_000),
    );
    const { uuid } = job.record;
    expect(readLimit.cpu(uuid)).toBe("50000 100000");
    const throttled = /nr_throttled (\d+)/.exec(
      readGroupFile("cpu", { v1: "cpu.stat", v2: "cpu.stat" }, uuid),
    )?.[1];
    await job.send("");
    expect((await job.end()).code).toBe(0);
    const usage = job.record.metrics?.cpu_usec ?? 0;
    expect(usage).toBeLessThan(5_500_000);
    // A period that was cut had its 50 ms; where other programs want the cores too, some periods have less.
    expect(Number(throttled)).toBeGreaterThan(0);
    expect(usage).toBeGreaterThan(Number(throttled) * 45_000);
  },
  patient(30_000),
);

const onTwoCores = requires(availableParallelism() >= 2, "needs two cores");

onTwoCores("B08: --cpu-cores=1 holds, and a job cannot leave it", async () => {
  const script = "nproc; taskset -p 3 $$; taskset -p 1 $$";
  const { stdout, stderr, code } = await run("--cpu-cores=1", "sh", "-c", script);
  expect(stdout.match(/^\d+$|(?<=mask: )\w+/gm)).toEqual(["1", "2", "2", "2"]);
  expect(stderr).toContain("Invalid argument");
  expect(code).toBe(1);
});

describe("B13: --timeout", () => {
  test("ends a job with SIGTERM and 124", async () => {
    const { code, job, stderr } = await run("--timeout=2s", "sleep", "100");
    expect(code).toBe(124);
    expect(job).toMatchObject({ status: "FAILED", reason: "timeout", exit_code: 124 });
    expect(durationOf(job)).toBeWithin(2000, 2000 + patient(500));
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/\b2s\b.*--timeout/);
  });

  test("kills a job that ignores SIGTERM once --stop-grace is over", async () => {
    const script = 'trap "" TERM; sleep 100 & wait; sleep 100';
    const { code, job } = await run("--timeout=2s", "--stop-grace=1s", "sh", "-c", script);
    expect(code).toBe(124);
    expect(job).toMatchObject({ status: "FAILED", reason: "timeout" });
    expect(durationOf(job)).toBeWithin(3000, 3000 + patient(500));
  });

  test("is not met by a job that ends before it", async () => {
    const { code, job } = await run("--timeout=60s", "true");
    expect({ code, status: job.status }).toEqual({ code: 0, status: "COMPLETED" });
    expect(durationOf(job)).toBeWithin(0, patient(5000));
  });
});

describe("B14: a job that opens all files it can", () => {
  const openAll =
    "l = []\nwhile True:\n try: l.append(open('/dev/null'))\n except OSError as e: sys.exit(f'{len(l)} {e}')";

  test("meets its own limit, first the soft one of 1024", async () => {
    const { code, stderr } = await run("python3", "-c", `import sys\n${openAll}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^1021 .*Too many open files/);
  });

  test("then the hard one, at most 65536, and the next job starts", async () => {
    const raise = "h = resource.getrlimit(7)[1]; resource.setrlimit(7, (h, h)); print(h)";
    const { code, stdout, stderr } = await run("python3", "-c", `import resource, sys; ${raise}\n${openAll}`);
    expect(code).toBe(1);
    expect(Number(stdout)).toBeWithin(1024, 65_537);
    expect(stderr).toContain(`${Number(stdout) - 3} `);
    expect((await run("true")).code).toBe(0);
  });
});

test("B18: orphans are reaped: no zombie is left, nor counted", async () => {
  const count = SLOWNESS > 4 ? 1000 : 5000;
  const script = `for i in $(seq ${count}); do (true &); done; sleep 1; cat /proc/[0-9]*/stat | grep -c ") Z"; echo ready; read _`;
  await using job = await start("bash", "-c", script);
  expect(job.stdout).toBe("0\nready\n");
  const pids = readGroupFile("pids", { v1: "pids.current", v2: "pids.current" }, job.record.uuid);
  expect(Number(pids)).toBeLessThanOrEqual(4);
  await job.send("");
  expect((await job.end()).code).toBe(0);
});

onTwoCores("all limits at once: the kernel has each of them, for every process of the job", async () => {
  const flags = ["--max-memory=64", "--max-cpu=50", "--cpu-cores=1", "--max-pids=20"];
  await using job = await start(...flags, "sh", "-c", "sleep 60 & sleep 60 & echo ready; read _");
  const { uuid } = job.record;
  expect(readLimit.memory(uuid)).toBe(String(64 * MEBIBYTE));
  expect(readLimit.swap(uuid)).toBe("0");
  expect(readLimit.cpu(uuid)).toBe("50000 100000");
  expect(readLimit.cores(uuid)).toBe("1");
  expect(readLimit.pids(uuid)).toBe("20");
  const pids = listPids(uuid);
  expect(pids.length).toBeGreaterThanOrEqual(3); // the shell and two sleeps
  for (const pid of pids) {
    const groups = (["memory", "cpu", "cpuset", "pids"] as const).map((controller) =>
      groupOf(pid, controller),
    );
    expect(groups).toEqual(Array<string>(4).fill(`/joblet/${uuid}`));
  }
  await job.send("");
  expect((await job.end()).code).toBe(0);
  expect(listPids(uuid)).toEqual([]);
});

test("--max-pids: a fork beyond it fails, and the last line says so", async () => {
  const script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; exit 3";
  const { code, job, stderr } = await run("--max-pids=8", "sh", "-c", script);
  expect(code).not.toBe(0);
  expect(job.metrics?.pids_peak).toBeLessThanOrEqual(8);
  expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/\b8\b.*--max-pids/);
});

test("without the flag a job has 4096 processes", async () => {
  await using job = await start("sh", "-c", "echo ready; read _");
  expect(readLimit.pids(job.record.uuid)).toBe("4096");
  await job.send("");
  expect((await job.end()).code).toBe(0);
});

test("all jobs together have at most 90 % of the host's memory and processes", async () => {
  expect((await run("true")).code).toBe(0);
  const kibibytes = Number(/MemTotal:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);
  const memory = Number(readGroupFile("memory", { v1: "memory.limit_in_bytes", v2: "memory.max" }));
  const wanted = kibibytes * 1024 * 0.9;
  expect(memory).toBeWithin(wanted - 65_536, wanted + 1);
  const most = Math.min(
    ...["pid_max", "threads-max"].map((name) => Number(readFileSync(`/proc/sys/kernel/${name}`))),
  );
  expect(Number(readGroupFile("pids", { v1: "pids.max", v2: "pids.max" }))).toBe(Math.floor(most * 0.9));
});

const LIMITS = [
  ["--max-memory=64", "memory", "memory"],
  ["--max-cpu=50", "cpu", "cpu"],
  ["--cpu-cores=0", "cpuset", "cpuset"],
  ["--max-pids=9", "pids", "pids"],
  ["--max-iobps=9999", "io", "blkio"],
] as const;

describe("B16: a host without a controller", () => {
  for (const [flag, controller, legacyName] of LIMITS) {
    const place = findController(controller);
    const onHybrid = requiresOutsideVm(place?.version === 1, `needs a host with ${legacyName} on cgroup v1`);
    const covered = `mount -t tmpfs none ${place?.mount}`;
    /** In a mount namespace of its own, in which the hierarchy is covered. */
    const runWithout = (words: string) =>
      runShell(home.path, `unshare -m sh -c '${covered} && exec $RNX job run ${words}'`);

    onHybrid(
      `${flag} is refused, names the controller and the mend, and the command does not run`,
      async () => {
        const name = `without-${legacyName}`;
        const { code, stdout, stderr } = await runWithout(`--name=${name} ${flag} echo ran`);
        expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
        expect(stderr).toStartWith(`Error: ${flag.split("=")[0]} cannot be enforced: `);
        expect(stderr).toContain(`${controller} controller`);
        // Refused before anything was made: a record too.
        expect(readJobs(home.path).filter((job) => job.name === name)).toEqual([]);
      },
    );

    onHybrid(`${flag} on a terminal: the mend is named, too`, async () => {
      const script = `unshare -m script -qec "${covered} && exec $RNX job run ${flag} echo ran" /dev/null`;
      const { code, stdout } = await runShell(home.path, script);
      expect(code).toBe(125);
      expect(stdout).toContain(`mount -t cgroup -o ${legacyName} `);
      expect(stdout).not.toContain("ran\r");
    });

    onHybrid(`${flag} --best-effort runs, with a warning that the record keeps`, async () => {
      const name = `best-effort-${legacyName}`;
      const { code, stdout, stderr } = await runWithout(`--name=${name} ${flag} --best-effort echo ran`);
      expect({ code, stdout }).toEqual({ code: 0, stdout: "ran\n" });
      const { warnings } = readJob(home.path, name);
      const warning = warnings.find((line) => line.startsWith(`${flag.split("=")[0]} cannot be enforced: `));
      expect(warning).toContain(`${controller} controller`);
      expect(stderr).toContain(warning ?? "no warning");
    });
  }
});
