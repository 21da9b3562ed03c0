/** Exit codes of an attached job: its own, a shell's for what could not be executed, and rnx's. */
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runJob } from "../support/job.ts";
import { makeHome, runShell } from "../support/rnx.ts";

const home = makeHome();
afterAll(() => home.remove());
const run = (...words: string[]) => runJob(home.path, words, { cwd: files });

/** The caller's directory: programs that cannot be executed, and one that can. */
const files = join(home.path, "files");
mkdirSync(files);
writeProgram("script", "#!/bin/sh\necho from the script\n");
writeProgram("badinterp", "#!/no/such/interpreter\n");
writeProgram("wrong-arch", foreignProgram());
writeProgram("empty", "");
writeProgram("not-executable", "#!/bin/sh\n", 0o644);

function writeProgram(name: string, content: string | Uint8Array, mode = 0o755): void {
  writeFileSync(join(files, name), content);
  chmodSync(join(files, name), mode);
}

/** /bin/true as it would be on a machine that nobody has: e_machine of the ELF header is that of the M32. */
function foreignProgram(): Uint8Array {
  const program = readFileSync("/bin/true");
  program.writeUInt16LE(1, 18);
  return program;
}

describe("the job's own code", () => {
  test.each([0, 1, 7, 125, 255])("%d", async (expected) => {
    const { code, job } = await run("sh", "-c", `exit ${expected}`);
    expect(code).toBe(expected);
    const status = expected === 0 ? "COMPLETED" : "FAILED";
    expect(job).toMatchObject({ status, reason: "exit", exit_code: expected, signal: null });
  });

  test.each([
    ["KILL", 137],
    ["TERM", 143],
    ["ABRT", 134],
  ])("128 + N for a job that SIG%s ended: %d", async (signal, expected) => {
    const { code, job } = await run("sh", "-c", `kill -${signal} $$`);
    expect(code).toBe(expected);
    expect(job).toMatchObject({
      status: "FAILED",
      reason: "signal",
      exit_code: expected,
      signal: `SIG${signal}`,
    });
  });
});

describe("C19: a command that cannot be executed", () => {
  test.each([
    [["nosuch"], 127],
    [["/nosuch/program"], 127],
    [["/etc/os-release"], 126],
    [["/etc"], 126],
    [["--upload=badinterp", "./badinterp"], 127],
    [["--upload=wrong-arch", "./wrong-arch"], 126],
    [["--upload=empty", "./empty"], 126],
    [["--upload=not-executable", "./not-executable"], 126],
    [["./badinterp"], 127],
    [["/etc/os-release/below"], 127],
  ])("%j ends with %d, and the record says why", async (words, expected) => {
    const { code, stdout, stderr, job } = await run(...words);
    expect({ code, stdout }).toEqual({ code: expected, stdout: "" });
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toStartWith("Error: ");
    expect(stderr).toContain(words.at(-1) ?? "");
    expect(job).toMatchObject({ status: "FAILED", reason: "start-failed", exit_code: expected });
    expect(stderr).toContain(job.message ?? "no message");
  });

  test("an uploaded script runs: the mode is kept", async () => {
    const { code, stdout } = await run("--upload=script", "./script");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "from the script\n" });
  });

  test("in the shell form it is the shell that says so, with the shell's code", async () => {
    const { code, job, stderr } = await run("nosuch; exit $?");
    expect(code).toBe(127);
    expect(stderr).toContain("nosuch");
    expect(job).toMatchObject({ status: "FAILED", reason: "exit", exit_code: 127 });
  });
});

test("125: a working directory that the job does not have", async () => {
  const { code, stderr, job } = await run("--workdir=/nosuch", "true");
  expect(code).toBe(125);
  expect(stderr).toStartWith('Error: working directory not found in the job: "/nosuch"');
  expect(job).toMatchObject({ status: "FAILED", reason: "start-failed", exit_code: 125 });
});

describe("C18: arguments reach the job as they are", () => {
  test("a word that is too long for the kernel: the caller's shell cannot even start rnx", async () => {
    const { code, stderr } = await runShell(
      home.path,
      "$RNX job run echo $(head -c 200000 /dev/zero | tr '\\0' a)",
    );
    expect(code).toBe(126);
    expect(stderr).toContain("Argument list too long");
  });

  test("a variable that is too long: 125 or 126, and why", async () => {
    writeFileSync(join(files, "long.env"), `LONG=${"a".repeat(200_000)}\n`);
    const { code, stderr, job } = await run("--env-file=long.env", "true");
    expect([125, 126]).toContain(code);
    expect(stderr).toContain("too long");
    expect(job).toMatchObject({ status: "FAILED", reason: "start-failed", exit_code: code });
  });

  test("the longest word that a caller can give", async () => {
    const { code, stdout } = await runShell(
      home.path,
      "$RNX job run echo $(head -c 131071 /dev/zero | tr '\\0' a)",
    );
    expect({ code, length: stdout.length }).toEqual({ code: 0, length: 131_072 });
  });

  test("100,000 words", async () => {
    const { code, stdout } = await runShell(home.path, "$RNX job run echo $(seq 100000)");
    expect(code).toBe(0);
    expect(stdout).toBe(`${Array.from({ length: 100_000 }, (_, i) => i + 1).join(" ")}\n`);
  });

  test("bytes that are not UTF-8", async () => {
    const { code, stdout } = await runShell(home.path, `$RNX job run printf %s $'\\xff\\xfe' | od -An -tx1`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: " ff fe\n" });
  });

  test("an empty word", async () => {
    expect((await run("printf", "[%s]", "")).stdout).toBe("[]");
    expect((await run("printf", "[%s]", "", "a", "")).stdout).toBe("[][a][]");
  });

  test("flags behind the command are the command's, and -- ends those of rnx", async () => {
    expect((await run("--", "echo", "-n", "--help")).stdout).toBe("--help");
    expect((await run("echo", "--max-memory=5", "--", "-x")).stdout).toBe("--max-memory=5 -- -x\n");
  });

  test("several words are no shell's business: nothing is expanded", async () => {
    expect((await run("echo", "$HOME", "*", "a;b")).stdout).toBe("$HOME * a;b\n");
  });

  test("an empty command is a wrong call", async () => {
    const { code, stdout } = await runShell(home.path, '$RNX job run ""');
    expect([2, 127]).toContain(code);
    expect(stdout).toBe("");
  });
});
