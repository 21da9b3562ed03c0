import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeHome, runRnx, runShell } from "../support/rnx.ts";

const home = makeHome();
const cwd = mkdtempSync(join(tmpdir(), "rnx-cwd-"));
afterAll(() => {
  home.remove();
  rmSync(cwd, { recursive: true });
});

const run = (...args: string[]) => runRnx(home.path, ["job", "run", ...args], { cwd });
const shell = (script: string, env: Record<string, string> = {}) => runShell(home.path, script, { cwd, env });
const listJobs = () => (existsSync(join(home.path, "jobs")) ? readdirSync(join(home.path, "jobs")) : []);

describe("a call that is wrong starts no job", () => {
  const before = listJobs();
  afterEach(() => expect(listJobs()).toEqual(before));

  test.each([
    ["C02", "--max-memory=10ZB", 'Error: --max-memory "10ZB": expected a number of MB or a size such as '],
    ["C02", "--max-memory=", 'Error: --max-memory "": expected '],
    ["C03", "--max-cpu=-5", 'Error: --max-cpu "-5": expected '],
    ["C03", "--max-iobps=1", 'Error: --max-iobps "1": expected '],
    ["C03", "--max-pids=1.5", 'Error: --max-pids "1.5": expected '],
    ["C04", "--cpu-cores=0-4294967296", 'Error: --cpu-cores "0-4294967296": expected cores such as '],
    ["C07", "--upload=missing", 'Error: --upload "missing": no such file'],
    ["C09", "--upload=/dev/zero", 'Error: --upload "/dev/zero": not a regular file'],
    ["C09", "--upload=/proc/kmsg", 'Error: --upload "/proc/kmsg": not a regular file'],
    ["C09", "--upload=/dev/stdin", 'Error: --upload "/dev/stdin": not a regular file'],
    ["C17", "--env=A B=1", 'Error: --env "A B=1": expected KEY=VALUE'],
    ["C17", "--env=A\nB=1", 'Error: --env "A\\nB=1": expected KEY=VALUE'],
    ["C27", "--cap-add=NOPE", 'Error: --cap-add "NOPE": expected one of '],
    ["C27", "--userns=maybe", 'Error: --userns "maybe": expected on or off'],
    ["C27", "--network=nosuch", 'Error: --network "nosuch": network not found; '],
    ["C27", "--workdir=rel", 'Error: --workdir "rel": expected an absolute path'],
    ["C27", "--output=../../x", 'Error: --output "../../x": expected PATH[:LOCAL]'],
    ["C27", "--max-memmory=5", 'Error: unknown flag "--max-memmory"; did you mean --max-memory?'],
    ["a negative value", "--stop-grace -5", 'Error: --stop-grace "-5": expected a duration such as '],
  ])("%s: %s", async (_, flag, line) => {
    const [name = "", ...value] = flag.split(flag.includes("=") ? "\0" : " ");
    const { code, stdout, stderr } = await run(name, ...value, "touch", "/tmp/ran");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toStartWith(line);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  test("every mistake has its line", async () => {
    const { code, stderr } = await run("--max-cpu=x", "--timeout=y", "--env=", "true");
    expect(code).toBe(2);
    expect(stderr.match(/^Error: --/gm)).toHaveLength(3);
  });

  test("C07: two uploads to one destination", async () => {
    mkdirSync(join(cwd, "a"), { recursive: true });
    mkdirSync(join(cwd, "b"), { recursive: true });
    writeFileSync(join(cwd, "a/n"), "");
    writeFileSync(join(cwd, "b/n"), "");
    const { code, stderr } = await run("--upload=a/n", "--upload=b/n", "true");
    expect(code).toBe(2);
    expect(stderr).toContain("would both be at /work/n");
  });
});

describe("the command's own words", () => {
  test.each([
    ["a flag after the command is the command's", ["echo", "--max-memory=5", "-n"], "--max-memory=5 -n\n"],
    ["C18: -- ends rnx's flags", ["--", "echo", "-n", "--help"], "--help"],
    ["C18: an empty argument stays", ["printf", "[%s]", ""], "[]"],
    ["one word with shell characters is a line for the shell", ["echo a; echo $((1+1))"], "a\n2\n"],
    ["a value stands in a word of its own", ["--name", "words", "echo", "x"], "x\n"],
  ])("%s", async (_, args, stdout) => {
    expect(await run(...args)).toEqual({ code: 0, stdout, stderr: "" });
  });

  test("flags may stand before the noun", async () => {
    const { code, stdout } = await runRnx(home.path, ["--max-memory=64", "job", "run", "echo", "x"], { cwd });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "x\n" });
  });

  test("C18: bytes that are not UTF-8 arrive as they are", async () => {
    const { stdout } = await shell(`$RNX job run printf %s $'\\xff\\xfe' | od -An -tx1`);
    expect(stdout.trim()).toBe("ff fe");
  });

  test("C18: 100,000 words are fine, one of 200,000 bytes is too long", async () => {
    const many = await shell("$RNX job run echo $(seq 100000) | wc -w");
    expect(many.stdout.trim()).toBe("100000");
    const { code, stderr } = await shell("$RNX job run echo $(head -c 200000 /dev/zero | tr '\\0' a)");
    expect([125, 126]).toContain(code);
    expect(stderr).toContain("too long");
  });
});

describe("C17: the environment", () => {
  test("is the runtime's and what the flags say, never the caller's", async () => {
    writeFileSync(join(cwd, "vars"), "# a comment\nFROM_FILE=1\n");
    const flags = "--env-file vars -eA= -e B=1=2 -e FOO --env=LD_PRELOAD=/x";
    const { code, stdout } = await shell(`$RNX job run ${flags} env`, { FOO: "7", NOT_ASKED_FOR: "1" });
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual(
      expect.arrayContaining(["A=", "B=1=2", "FOO=7", "FROM_FILE=1", "LD_PRELOAD=/x", "HOME=/root"]),
    );
    expect(stdout).not.toContain("NOT_ASKED_FOR");
  });

  test("a value that is not UTF-8 arrives as it is", async () => {
    const { stdout } = await shell(`FOO=$'\\xff' $RNX job run -e FOO printenv FOO | od -An -tx1`);
    expect(stdout.trim()).toBe("ff 0a");
  });

  test("a value of 200,000 bytes is too long", async () => {
    const { code, stderr } = await shell(
      "$RNX job run --env=A=$(head -c 200000 /dev/zero | tr '\\0' a) true",
    );
    expect([125, 126]).toContain(code);
    expect(stderr).toContain("too long");
  });
});

test("A43: a secret is in no record, no plan and no message", async () => {
  const env = { K: "s3cr3t-of-a43" };
  expect((await shell("$RNX job run -s K --name secret printenv K", env)).stdout).toBe("s3cr3t-of-a43\n");
  const { stdout: status } = await shell("$RNX job status secret --json; $RNX job status secret");
  expect(status).toContain("***");
  const explained = await shell("$RNX job run --explain -s K true", env);
  const refused = await shell("$RNX job run -s 'A B=s3cr3t-of-a43' true");
  for (const text of [status, explained.stdout, explained.stderr, refused.stderr]) {
    expect(text).not.toContain("s3cr3t-of-a43");
  }
  expect((await shell("grep -rl --exclude=log s3cr3t-of-a43 $RNX_HOME /run/rnx")).stdout).toBe("");
});

describe("uploads", () => {
  test("C07: an absolute path lands under its own name", async () => {
    writeFileSync(join(cwd, "f.txt"), "x");
    const { stdout } = await run(`--upload=${join(cwd, "f.txt")}`, "--upload=f.txt:d/g", "ls", "-R", "/work");
    expect(stdout).toContain("f.txt");
    expect(stdout).toContain("/work/d:\ng\n");
  });

  test("a script that the command names goes along, with its mode; --no-auto-upload keeps it", async () => {
    writeFileSync(join(cwd, "script.sh"), "#!/bin/sh\necho ran\n");
    chmodSync(join(cwd, "script.sh"), 0o755);
    expect(await run("./script.sh")).toEqual({ code: 0, stdout: "ran\n", stderr: "" });
    expect((await run("sh", "-c", "sh script.sh && echo too")).stdout).toBe("ran\ntoo\n");
    expect((await run("--no-auto-upload", "./script.sh")).code).toBe(127);
  });
});

describe("--explain", () => {
  test("prints limits and plan, makes no job, runs nothing", async () => {
    const before = listJobs();
    const { code, stdout, stderr } = await run("--explain", "--max-pids=7", "echo", "not-run");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("--max-pids");
    expect(listJobs()).toEqual(before);
  });
});

test("--json says how the job ended: its record, the last line on stderr", async () => {
  const { code, stdout, stderr } = await run("--json", "sh", "-c", "echo out; exit 3");
  expect({ code, stdout }).toEqual({ code: 3, stdout: "out\n" });
  expect(JSON.parse(stderr)).toMatchObject({ status: "FAILED", reason: "exit", exit_code: 3, command: "sh" });
});
