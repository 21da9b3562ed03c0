import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeHome, runRnx, runShell } from "../support/rnx.ts";

const home = makeHome();
afterAll(() => home.remove());
const rnx = (...args: string[]) => runRnx(home.path, args);

describe("a call that is wrong ends with 2 and one line on stderr", () => {
  test.each([
    [["bogus"], 'Error: unknown command "bogus"; see rnx --help'],
    [["vresion"], 'Error: unknown command "vresion"; did you mean "version"?'],
    [["job", "rnu"], 'Error: unknown command "job rnu"; did you mean "job run"?'],
    [["--bogus"], 'Error: unknown flag "--bogus"'],
    [["version", "--jsn"], 'Error: unknown flag "--jsn"; did you mean --json?'],
    [["version", "-x"], 'Error: unknown flag "-x"'],
    [["version", "extra"], 'Error: unexpected argument "extra"'],
    [["version", "--json=1"], 'Error: --json takes no value, but has "1"'],
    [["version", "--no-json"], 'Error: unknown flag "--no-json"; did you mean --json?'],
    [["job", "run"], "Error: COMMAND [ARGS...] is missing"],
    [
      ["job", "run", "--max-memmory=5", "true"],
      'Error: unknown flag "--max-memmory"; did you mean --max-memory?',
    ],
    [["job", "run", "--name"], "Error: --name needs a value"],
  ])("rnx %j", async (args, line) => {
    const { code, stdout, stderr } = await rnx(...args);
    expect({ code, stdout, stderr: stderr.split("\n")[0] }).toEqual({ code: 2, stdout: "", stderr: line });
  });

  test("a noun alone names its commands", async () => {
    const { code, stderr } = await rnx("job");
    expect(code).toBe(2);
    expect(stderr).toStartWith("Error: rnx job needs a command: run, ");
  });

  test("RNX_SERVER is refused, never silently local", async () => {
    const { code, stdout, stderr } = await runRnx(home.path, ["version"], { env: { RNX_SERVER: "host-1" } });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toBe('Error: RNX_SERVER is set ("host-1") but rnx cannot use another machine; unset it\n');
  });
});

describe("A36: who is not root", () => {
  test.each(["job list", "job run true"])(
    "rnx %s ends with 1 and one line; no file is made",
    async (line) => {
      const script = `cd /; setpriv --reuid=65534 --clear-groups $RNX ${line}`;
      const result = await runShell(join(home.path, "absent"), script);
      expect(result).toEqual({ code: 1, stdout: "", stderr: "Error: rnx must be root\n" });
      expect(readdirSync(home.path)).toEqual([]);
    },
  );
});

describe("the caller's files and descriptors", () => {
  test("a .env and a bunfig.toml with a preload in the working directory have no effect", async () => {
    const hostile = makeHome();
    writeFileSync(join(hostile.path, ".env"), "RNX_SERVER=from-dotenv\n");
    writeFileSync(join(hostile.path, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
    writeFileSync(join(hostile.path, "preload.ts"), "console.log('PRELOADED')");
    const { code, stdout, stderr } = await runRnx(home.path, ["version"], { cwd: hostile.path });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toContain("PRELOADED");
    hostile.remove();
  });

  test("C25: a full disk under stdout is an error with a message", async () => {
    const { code, stderr } = await runShell(home.path, "$RNX help >/dev/full");
    expect(code).toBe(1);
    expect(stderr).toStartWith("Error: cannot write to standard output: ENOSPC");
  });

  test("C25: a reader that has gone is no error and says nothing", async () => {
    const script = "set -o pipefail; $RNX help | true; $RNX help job run | head -c 1 >/dev/null";
    const { code, stderr } = await runShell(home.path, script);
    expect([0, 141]).toContain(code);
    expect(stderr).toBe("");
  });

  test("the pipe shared with the caller stays blocking", async () => {
    const script = `($RNX version; grep flags /proc/self/fdinfo/1 >&2) | cat`;
    const { stderr } = await runShell(home.path, script);
    expect(Number.parseInt(stderr.replace("flags:", ""), 8) & 0o4000).toBe(0);
  });

  test("a full non-blocking pipe is waited for, and nothing is lost", async () => {
    const script = `python3 -c '
import fcntl, os, subprocess, sys, time
r, w = os.pipe()
fcntl.fcntl(w, fcntl.F_SETFL, os.O_NONBLOCK)
fcntl.fcntl(w, 1031, 4096)
p = subprocess.Popen([os.environ["RNX"], "help", "job", "run"], stdout=w)
os.close(w)
time.sleep(0.3)
data = b""
while chunk := os.read(r, 100): data += chunk
sys.stdout.buffer.write(data); sys.exit(p.wait())'`;
    const { code, stdout } = await runShell(home.path, script);
    expect(code).toBe(0);
    expect(stdout).toBe((await rnx("help", "job", "run")).stdout);
  });
});

describe("on a terminal", () => {
  const terminal = (command: string, env = {}) =>
    runShell(home.path, `script -qec '${command}' /dev/null`, { env: { TERM: "xterm", ...env } });

  test("errors are coloured and a hint is given", async () => {
    const { stdout } = await terminal("$RNX job status nosuch");
    expect(stdout).toContain("\x1b[31mError:\x1b[0m job not found");
    expect(stdout).toContain("\x1b[36mhint:\x1b[0m rnx job list");
  });

  test.each([
    ["NO_COLOR", "$RNX job status nosuch", { NO_COLOR: "1" }],
    ["--no-color", "$RNX --no-color job status nosuch", {}],
    ["--no-color behind the command", "$RNX job status nosuch --no-color", {}],
    ["a dumb terminal", "$RNX job status nosuch", { TERM: "dumb" }],
  ])("%s: no colour", async (_, command, env) => {
    const { stdout } = await terminal(command, env);
    expect(stdout).toContain("Error: job not found");
    expect(stdout).not.toContain("\x1b");
  });

  test("what goes along by itself is said", async () => {
    const cwd = makeHome();
    writeFileSync(join(cwd.path, "f.txt"), "x");
    const script = `script -qec '$RNX job run cat f.txt' /dev/null`;
    const { stdout } = await runShell(home.path, script, { cwd: cwd.path, env: { TERM: "dumb" } });
    expect(stdout.replaceAll("\r", "")).toBe("uploaded: f.txt\nx");
    cwd.remove();
  });
});
