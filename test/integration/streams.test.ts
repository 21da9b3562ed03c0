/** The output of a job: byte for byte, each stream in its order, to the caller and to the log. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newName, readJob, runJob } from "../support/job.ts";
import { makeHome, RNX, runShell } from "../support/rnx.ts";
import { patient, SLOWNESS } from "../support/slowness.ts";

const home = makeHome();
afterAll(() => home.remove());
const run = (...words: string[]) => runJob(home.path, words, { cwd: home.path });
const shell = (script: string, limitMs = 30_000) =>
  runShell(home.path, script, { cwd: home.path, timeoutMs: patient(limitMs) });

const MEBIBYTE = 1024 * 1024;
const LARGE_BYTES = (SLOWNESS > 4 ? 5 : 50) * MEBIBYTE;

/** Runs rnx without a shell in between and takes both streams as bytes. */
async function runBytes(
  ...args: string[]
): Promise<{ code: number; stdout: Uint8Array; stderr: Uint8Array }> {
  const child = Bun.spawn([RNX, ...args], {
    env: { PATH: process.env["PATH"], RNX_HOME: home.path },
    cwd: home.path,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.bytes(), child.stderr.bytes()]);
  return { code: await child.exited, stdout, stderr };
}

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("large binary output on both streams at once", () => {
  const name = newName();
  const [one, two] = [randomBytes(LARGE_BYTES), randomBytes(LARGE_BYTES)];

  beforeAll(() => {
    writeFileSync(join(home.path, "one"), one);
    writeFileSync(join(home.path, "two"), two);
  });

  test(
    "arrives whole",
    async () => {
      const flags = [`--name=${name}`, "--no-auto-upload", "--upload=one", "--upload=two"];
      const { code, stdout, stderr } = await runBytes(
        "job",
        "run",
        ...flags,
        "sh",
        "-c",
        "cat two >&2 & cat one; wait",
      );
      expect(code).toBe(0);
      expect(digest(stdout)).toBe(digest(one));
      expect(digest(stderr)).toBe(digest(two));
    },
    patient(60_000),
  );

  test(
    "is in the log, each stream as it was",
    async () => {
      const { code, stdout, stderr } = await runBytes("job", "log", name);
      expect(code).toBe(0);
      expect(digest(stdout)).toBe(digest(one));
      expect(digest(stderr)).toBe(digest(two));
    },
    patient(60_000),
  );

  test(
    "is in the log, when one stream is asked for",
    async () => {
      const { stdout, stderr } = await runBytes("job", "log", name, "--stream=stderr");
      expect({ stdout: digest(stdout), length: stderr.length }).toEqual({ stdout: digest(two), length: 0 });
    },
    patient(60_000),
  );
});

test("each stream keeps the order of its lines, in the log too", async () => {
  const name = newName();
  const script = "for i in $(seq 2000); do echo o$i; echo e$i >&2; done";
  const { code, stdout, stderr } = await runBytes("job", "run", `--name=${name}`, "bash", "-c", script);
  const lines = (letter: string) => Array.from({ length: 2000 }, (_, i) => `${letter}${i + 1}\n`).join("");
  expect(code).toBe(0);
  expect(Buffer.from(stdout).toString()).toBe(lines("o"));
  expect(Buffer.from(stderr).toString()).toBe(lines("e"));
  const log = await runBytes("job", "log", name);
  expect(Buffer.from(log.stdout).toString()).toBe(lines("o"));
  expect(Buffer.from(log.stderr).toString()).toBe(lines("e"));
});

test("output without a last newline, NUL bytes and bytes that are not UTF-8 stay as they are", async () => {
  const name = newName();
  const { stdout } = await runBytes("job", "run", `--name=${name}`, "printf", "a\\000\\377\\r\\nb");
  const expected = Buffer.from("a\0\xff\r\nb", "latin1");
  expect(Buffer.from(stdout)).toEqual(expected);
  expect(Buffer.from((await runBytes("job", "log", name)).stdout)).toEqual(expected);
});

test("output comes while the job runs, not at its end", async () => {
  const script = `$RNX job run sh -c 'echo first; sleep 30' | { read line; echo $line; kill $(pgrep -P $$ -x rnx); }`;
  const start = performance.now();
  const { stdout } = await shell(script);
  expect(stdout).toBe("first\n");
  expect(performance.now() - start).toBeLessThan(patient(10_000));
});

test(
  "D28: a job that closes its output, after very many writers had it",
  async () => {
    const count = SLOWNESS > 4 ? 500 : 5000;
    const name = newName();
    const script = `for i in $(seq ${count}); do (echo o; echo e >&2)& done; exec >&- 2>&-; sleep 1; exit 3`;
    const { code, stdout, stderr } = await runBytes("job", "run", `--name=${name}`, "bash", "-c", script);
    expect(code).toBe(3);
    expect(Buffer.from(stdout).toString()).toBe("o\n".repeat(count));
    expect(Buffer.from(stderr).toString()).toBe("e\n".repeat(count));
    const log = await runBytes("job", "log", name);
    expect(Buffer.from(log.stdout).toString()).toBe("o\n".repeat(count));
  },
  patient(120_000),
);

describe("a caller that does not take the output", () => {
  test("a reader that ends first: the job gets SIGPIPE, and nothing is said", async () => {
    const { stdout, stderr } = await shell("$RNX job run yes | head -1; echo ${PIPESTATUS[0]}");
    expect(stdout).toBe("y\n141\n");
    expect(stderr).toBe("");
  });

  test("C25: a full disk is said, with a code other than 0; the job itself is COMPLETED", async () => {
    const name = newName();
    const { code, stdout, stderr } = await shell(`$RNX job run --name=${name} echo x >/dev/full`);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/output.*ENOSPC/);
    expect(readJob(home.path, name)).toMatchObject({ status: "COMPLETED", exit_code: 0 });
    const log = await shell(`$RNX job log ${name} | head -1`);
    expect({ stdout: log.stdout, stderr: log.stderr }).toEqual({ stdout: "x\n", stderr: "" });
  });

  test("C25: a reader of a list or a log that goes away", async () => {
    const name = newName();
    await shell(`$RNX job run --name=${name} seq 100000 >/dev/null`);
    const script = `$RNX job list | true; a=$PIPESTATUS; $RNX job log ${name} | head -1; echo $a $PIPESTATUS`;
    const { stdout, stderr } = await shell(script);
    expect(stdout).toMatch(/^1\n(0|141) (0|141)\n$/);
    expect(stderr).toBe("");
  });

  test.each([
    ["standard output", "stdout=w"],
    ["both streams: rnx's own last line finds no room either", "stdout=w, stderr=w"],
  ])("a reader that never reads does not hold --timeout up: %s", async (_, streams) => {
    const program = `
import os, subprocess, time
r, w = os.pipe()
start = time.time()
p = subprocess.Popen([os.environ["RNX"], "job", "run", "--timeout=2s", "yes"], ${streams}, stdin=subprocess.DEVNULL)
try: print(p.wait(${patient(10_000) / 1000}), time.time() - start)
finally: p.kill()`;
    const { stdout } = await shell(`python3 -c '${program}'`);
    const [code, seconds] = stdout.split(" ").map(Number);
    expect(code).toBe(124);
    expect(seconds).toBeWithin(2, 4.5 + patient(500) / 1000);
  });

  test("closed standard output: the job runs, its output is in the log", async () => {
    const name = newName();
    const { code, stderr } = await shell(
      `$RNX job run --name=${name} sh -c 'echo x; echo y >&2; exit 3' >&-`,
    );
    expect(code).toBe(3);
    expect(stderr).toContain("y\n");
    expect((await shell(`$RNX job log ${name}`)).stdout).toBe("x\n");
  });

  test("closed standard error, and everything closed", async () => {
    const one = await shell("$RNX job run sh -c 'echo x; echo y >&2; exit 3' 2>&-");
    expect({ code: one.code, stdout: one.stdout }).toEqual({ code: 3, stdout: "x\n" });
    const name = newName();
    const all = await shell(`$RNX job run --name=${name} sh -c 'echo x; exit 3' <&- >&- 2>&-`);
    expect(all.code).toBe(3);
    expect((await shell(`$RNX job log ${name}`)).stdout).toBe("x\n");
  });

  test("output to a file that is appended to, by two at once", async () => {
    const script = `for i in 1 2 3 4; do $RNX job run seq 1000 >>all & done; wait; sort -n all | uniq -c | awk '{print $1}' | sort -u`;
    const { stdout } = await shell(script);
    expect(stdout).toBe("4\n");
    expect(readFileSync(join(home.path, "all"), "utf8").split("\n")).toHaveLength(4001);
  });
});

test("a job without output has an empty log", async () => {
  const { job, stdout, stderr } = await run("true");
  expect({ stdout, stderr }).toEqual({ stdout: "", stderr: "" });
  const log = await shell(`$RNX job log ${job.name}`);
  expect(log).toEqual({ code: 0, stdout: "", stderr: "" });
});
