/** What a job finds: names, variables, files, ids, capabilities, network; and what it finds of its caller: nothing. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { guardHost } from "../support/clean.ts";
import { readJobs, RunningJob, runJob, START_MS } from "../support/job.ts";
import { makeHome, runRnx, type RnxOptions, runShell } from "../support/rnx.ts";
import { patient } from "../support/slowness.ts";

const home = makeHome();
afterAll(() => home.remove());
guardHost(home.path);
const run = (words: readonly string[], options: RnxOptions = {}) => runJob(home.path, words, options);
const shell = (script: string, options: RnxOptions = {}) =>
  runShell(home.path, script, { timeoutMs: patient(30_000), ...options });

/** A directory of the caller with these files. */
function makeDirectory(name: string, files: Readonly<Record<string, string>> = {}): string {
  const directory = join(home.path, "caller", name);
  mkdirSync(directory, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
  return directory;
}

describe("the first commands that people try", () => {
  test("rnx job run echo hello", async () => {
    expect(await shell("$RNX job run echo hello")).toEqual({ code: 0, stdout: "hello\n", stderr: "" });
  });

  test("one word with shell characters is a line for the shell", async () => {
    const { code, stdout } = await shell("$RNX job run 'ls /usr | wc -l; id'");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\nuid=0\(root\) gid=0\(root\) groups=0\(root\)\n$/);
  });

  test("in the middle of a pipe", async () => {
    const { stdout } = await shell("printf 'b\\na\\n' | $RNX job run sort | tr a-z A-Z");
    expect(stdout).toBe("A\nB\n");
  });

  test.each([["--upload=f.py"], [""]])("a script of the caller's directory, with flag «%s»", async (flag) => {
    const cwd = makeDirectory("script", { "f.py": "import os; print(6 * 7, os.getcwd(), os.listdir())\n" });
    const result = await shell(`$RNX job run ${flag} python3 f.py`, { cwd });
    expect(result).toEqual({ code: 0, stdout: "42 /work ['f.py']\n", stderr: "" });
  });

  test("from an empty directory", async () => {
    const cwd = makeDirectory("empty");
    expect(await shell("$RNX job run 'pwd; ls -A'", { cwd })).toEqual({
      code: 0,
      stdout: "/work\n",
      stderr: "",
    });
    expect(readdirSync(cwd)).toEqual([]);
  });

  test("from a hostile directory: nothing of it is run or read by rnx", async () => {
    const cwd = makeDirectory("hostile", {
      ".env": "RNX_HOME=/nonexistent\nRNX_SERVER=x\n",
      "bunfig.toml": 'preload = ["./preload.ts"]\n',
      "preload.ts": "console.log('PRELOADED')",
      "package.json": "{broken",
      "tsconfig.json": "{broken",
    });
    expect(await shell("$RNX job run 'env | grep -c RNX; ls -A'", { cwd })).toEqual({
      code: 0,
      stdout: "0\n",
      stderr: "",
    });
  });

  test("from a directory that is gone: Bun ends before the first line of rnx, and says why", async () => {
    const cwd = makeDirectory("gone");
    const { code, stdout, stderr } = await shell("rmdir $PWD; $RNX job run echo hello", { cwd });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("current working directory was deleted");
  });
});

describe("variables", () => {
  test("are the documented ones and no other: nothing of the caller's environment", async () => {
    const { stdout, job } = await run(["env"], { env: { SECRET: "1", SSH_AUTH_SOCK: "/x", LD_PRELOAD: "" } });
    const found = Object.fromEntries(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.split(/=(.*)/, 2)),
    );
    expect(found).toEqual({
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: "/root",
      LANG: "C.UTF-8",
      JOB_ID: job.uuid,
      JOB_NAME: job.name,
    });
  });

  test("of --env, --env-file and the caller's own: the last of a key counts", async () => {
    const cwd = makeDirectory("variables", { "file.env": "# a comment\n\nA=file\nB=file\nEMPTY=\n" });
    const flags = ["--env-file=file.env", "-e", "A=flag", "-e", "OWN", "--env=LD_PRELOAD=/none"];
    const { stdout } = await run([...flags, "env"], { cwd, env: { OWN: "7", OTHER: "8" } });
    for (const line of ["A=flag", "B=file", "EMPTY=", "OWN=7", "LD_PRELOAD=/none"]) {
      expect(stdout.split("\n")).toContain(line);
    }
    expect(stdout).not.toContain("OTHER");
  });

  test("A43: a secret reaches the job, and is in no record, list, process table or file", async () => {
    const secret = `s3cr3t-${crypto.randomUUID()}`;
    const script = `
      $RNX job run -s KEY --name=secret sh -c 'echo "\${#KEY}"; sleep ${(4 * START_MS) / 1000}' >out & 
      sleep ${START_MS / 1000}
      ps -eww -o args | grep -F "$KEY" | grep -v grep
      $RNX job status secret --json; $RNX --json job list; $RNX job list; $RNX job status secret
      $RNX job run --explain -s KEY true
      grep -rlF "$KEY" $RNX_HOME/jobs /run/rnx
      wait; cat out; $RNX job status secret --json; grep -rlF "$KEY" $RNX_HOME/jobs`;
    const { stdout, stderr } = await shell(script, { env: { KEY: secret }, cwd: makeDirectory("secret") });
    expect(stdout).not.toContain(secret);
    expect(stderr).not.toContain(secret);
    expect(stdout).toContain('"***"');
    expect(stdout).toContain(`${secret.length}\n`);
    expect(stdout).not.toContain("job.json");
  });
});

test("--name is the host name, else the short id is; the host's stays", async () => {
  const hostname = readFileSync("/proc/sys/kernel/hostname", "utf8");
  const { stdout } = await shell(
    "$RNX job run --name=my-job.1 'hostname; cat /etc/hostname; echo $JOB_NAME'",
  );
  expect(stdout).toBe("my-job.1\n".repeat(3));
  const { stdout: unnamed } = await shell("$RNX job run 'echo \"$(hostname) $JOB_NAME ${JOB_ID%%-*}\"'");
  expect(unnamed).toMatch(/^([0-9a-f]{8}) \1 \1\n$/);
  expect(readFileSync("/proc/sys/kernel/hostname", "utf8")).toBe(hostname);
});

test("--rm leaves no record; neither a failed job's nor that of one that could not start", async () => {
  const own = makeHome();
  for (const [words, expected] of [
    [["true"], 0],
    [["false"], 1],
    [["nosuch"], 127],
  ] as const) {
    expect((await runRnx(own.path, ["job", "run", "--rm", ...words])).code).toBe(expected);
    expect(readdirSync(join(own.path, "jobs"))).toEqual([]);
  }
  own.remove();
});

test("--workdir is where the command starts", async () => {
  expect((await run(["--workdir=/tmp", "pwd"])).stdout).toBe("/tmp\n");
  expect((await run(["--workdir=/work/../usr/bin/", "pwd"])).stdout).toBe("/usr/bin\n");
});

describe("user ids", () => {
  const ids = "cat /proc/self/uid_map /proc/self/gid_map";
  const words = (text: string) => text.trim().split(/\s+/);

  test("root in the job is one of 65,536 ids of its own", async () => {
    const { stdout } = await run(["sh", "-c", ids]);
    const [inside, outside, count] = words(stdout);
    expect([inside, count]).toEqual(["0", "65536"]);
    expect(Number(outside)).toBeGreaterThanOrEqual(524_288);
    expect(words(stdout).slice(3)).toEqual(words(stdout).slice(0, 3));
  });

  test("--userns=off: the host's ids, and a warning on stderr and in the record", async () => {
    const { code, stdout, stderr, job } = await run(["--userns=off", "sh", "-c", ids]);
    expect(code).toBe(0);
    expect(words(stdout)).toEqual(["0", "0", "4294967295", "0", "0", "4294967295"]);
    expect(job.warnings).toEqual([expect.stringMatching(/^--userns=off: root .* root of the host/)]);
    expect(stderr).toContain(job.warnings[0] ?? "no warning");
  });
});

test("--cap-add adds one capability to the default ones; without a user namespace, too", async () => {
  const read = async (...flags: string[]) => {
    const { stdout } = await run([...flags, "grep", "-E", "^Cap(Eff|Bnd|Prm|Inh|Amb)", "/proc/self/status"]);
    return Object.fromEntries(
      [...stdout.matchAll(/Cap(\w+):\s+(\w+)/g)].map(([, set, bits]) => [set, BigInt(`0x${bits}`)]),
    );
  };
  const netRaw = 1n << 13n;
  const usual = await read();
  expect((usual["Eff"] ?? 0n) & netRaw).toBe(0n);
  for (const flag of ["--cap-add=NET_RAW", "--cap-add=CAP_NET_RAW", "--cap-add=net_raw"]) {
    const expected = (usual["Eff"] ?? 0n) | netRaw;
    expect(await read(flag)).toEqual({ Eff: expected, Bnd: expected, Prm: expected, Inh: 0n, Amb: 0n });
  }
  expect(await read("--userns=off")).toEqual(usual);
});

describe("network", () => {
  const interfaces = (text: string) => [...text.matchAll(/^\s*([^\s:]+):/gm)].map(([, name]) => name).sort();
  const look = ["sh", "-c", "readlink /proc/self/ns/net; cat /proc/net/dev"] as const;
  const hostNamespace = readlinkSync("/proc/self/ns/net");

  test("none is the default: loopback alone, and that is up", async () => {
    const { stdout } = await run(look);
    expect(stdout).not.toContain(hostNamespace);
    expect(interfaces(stdout.split("\n").slice(3).join("\n"))).toEqual(["lo"]);
    const program =
      "import socket; s = socket.create_server(('127.0.0.1', 80)); socket.create_connection(('127.0.0.1', 80)); print('ok')";
    expect((await run(["python3", "-c", program])).stdout).toBe("ok\n");
  });

  test("host is the host's", async () => {
    const { stdout } = await run(["--network=host", ...look]);
    expect(stdout).toStartWith(hostNamespace);
    const found = interfaces(stdout.split("\n").slice(3).join("\n"));
    expect(found).toEqual(readdirSync("/sys/class/net").sort());
  });
});

describe("D26: the caller's ulimits", () => {
  test.each([
    ["-n 20", /open files/],
    ["-u 5", undefined],
    ["-f 1", /file size/],
    ["-t 600", undefined],
    ["-c 0", undefined],
    ["-s 1024", undefined],
  ])("%s: the job runs, or 125 names the limit", async (limit, named) => {
    const { code, stderr } = await shell(`ulimit ${limit} && $RNX job run true`);
    expect(code).toBe(named === undefined ? 0 : 125);
    if (named !== undefined) expect(stderr).toMatch(named);
  });

  test("-v 300000: Bun cannot reserve its heap and aborts before any line of rnx: no code of rnx's, nothing left", async () => {
    const count = readJobs(home.path).length;
    const { code, stdout } = await shell("ulimit -v 300000 && $RNX job run echo ran");
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    expect(readJobs(home.path)).toHaveLength(count);
  });

  test("open files: the job has 1024, whatever rnx has, and no more than its caller may", async () => {
    const { stdout } = await shell("ulimit -n 512 && $RNX job run 'ulimit -Sn; ulimit -Hn; ulimit -c'");
    expect(stdout).toBe("512\n512\n0\n");
    const usual = await run(["sh", "-c", "ulimit -Sn"]);
    expect(usual.stdout).toBe("1024\n");
  });
});

test("the caller's umask and working directory are not the job's; its niceness is", async () => {
  const { stdout } = await shell("umask 077; cd /; nice -n 5 $RNX job run 'umask; pwd; nice'");
  expect(stdout).toBe("0022\n/work\n5\n");
});

test("a job is in a session of its own, without a terminal", async () => {
  await using job = await RunningJob.start(home.path, [
    "sh",
    "-c",
    "cut -d' ' -f5-8 /proc/self/stat; echo ready; read _",
  ]);
  const [group, session, terminal] = job.stdout.split(" ");
  expect({ isLeader: group === session, terminal }).toEqual({ isLeader: true, terminal: "0" });
  await job.send("");
  expect((await job.end()).code).toBe(0);
});
