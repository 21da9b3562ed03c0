import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ROOTS, useIsolatedJobs } from "../support/isolation.ts";
import { makeHome, RNX, runRnx, runShell } from "../support/rnx.ts";
import { patient } from "../support/slowness.ts";

const { home, canary, run } = useIsolatedJobs();

/** The environment of a job that the caller has not added to. */
const DOCUMENTED = ["HOME", "JOB_ID", "JOB_NAME", "LANG", "PATH"];

describe.each(ROOTS)("a job with $root", ({ root, flags }) => {
  const job = `$RNX job run ${flags.join(" ")}`;

  test("A12: has no descriptor of the caller's but pipes and /dev/null in the place of its streams", async () => {
    const script = `
      exec 3<${canary.file} 7</ 9<${canary.file} 64</ 67<${canary.file} 69</ 200<${canary.file}
      ${job} sh -c 'ls /proc/self/fd; readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2' >out 2>err
      cat out err; ${job} cat /proc/self/fd/9 /proc/self/fd/3 /proc/self/fd/67`;
    const { code, stdout, stderr } = await runShell(home, `cd $(mktemp -d -p $RNX_HOME); ${script}`);
    const [input, ...outputs] = stdout.split("\n").slice(4, 7);
    expect(stdout).toStartWith("0\n1\n2\n3\n");
    expect(input).toBe("/dev/null");
    for (const link of outputs) expect(link).toMatch(/^pipe:\[\d+\]$/);
    expect({ code, text: stderr.includes(canary.text) }).toEqual({ code: 1, text: false });
  });

  test("A14: executes nothing of rnx's through /proc/self/exe", async () => {
    const directory = mkdtempSync(join(home, "a14-"));
    writeFileSync(join(directory, "s"), "#!/proc/self/exe\n");
    chmodSync(join(directory, "s"), 0o755);
    const direct = await run([...flags, "/proc/self/exe"]);
    const script = await run([...flags, "--upload=s", "/work/s"], { cwd: directory });
    for (const { code, stdout, stderr } of [direct, script]) {
      expect([126, 127]).toContain(code);
      expect(stdout + stderr).not.toMatch(/usage|rnx job/i);
    }
  });

  test(
    "A14: writes to no executable of rnx's, however it tries while other jobs start",
    async () => {
      const digest = () => new Bun.CryptoHasher("sha256").update(readFileSync(RNX)).digest("hex");
      const before = digest();
      const attack = "while :; do for e in /proc/[0-9]*/exe; do echo x >$e; done; done 2>/dev/null";
      const attacking = run([...flags, "--timeout=3s", "--stop-grace=1s", "sh", "-c", attack]);
      for (let i = 0; i < 20; i++) expect((await run([...flags, "true"])).code).toBe(0);
      expect((await attacking).code).toBe(124);
      expect(digest()).toBe(before);
    },
    patient(60_000),
  );

  test("A17: the caller's session keyring and its keys are out of reach", async () => {
    const script = `
      serial=$(keyctl add user ${canary.text} "a secret" @s); keyctl print $serial >&2
      ${job} sh -c "keyctl show @s; keyctl print $serial; keyctl search @s user ${canary.text}; keyctl search @u user ${canary.text}"`;
    const { stdout, stderr } = await runShell(home, `keyctl session - sh -c '${script}'`);
    expect(stderr).toContain("a secret\n");
    expect(stdout).toMatch(/^Keyring\n[^\n]*keyring: _ses\n$/);
  });

  test("A17: a key that one job has left in its user's keyring is unknown to the next", async () => {
    const search = `keyctl search @u user left-by-a-job || echo absent`;
    const leave = await run([...flags, "sh", "-c", `keyctl add user left-by-a-job s3cret @u; ${search}`]);
    expect(leave.stdout).not.toContain("absent");
    expect((await run([...flags, "sh", "-c", search])).stdout).toBe("absent\n");
  });

  test("A32: has the documented variables and none of the caller's; PID 1 has none to read", async () => {
    const env = { SECRET: canary.text, SSH_AUTH_SOCK: "/x", SUDO_USER: "x", LD_PRELOAD: "", BASH_ENV: "/x" };
    const variables = await run([...flags, "env"], { env });
    const names = variables.stdout
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0]);
    const own = root === "a runtime" ? ["RUNTIME_VARIABLE"] : [];
    expect(names.sort()).toEqual([...DOCUMENTED, ...own].sort());
    expect(await run([...flags, "cat", "/proc/1/environ"], { env })).toMatchObject({ code: 1, stdout: "" });
  });
});

test("A36: who is not root finds RNX_HOME closed, runs nothing and leaves no file", async () => {
  const { path, remove } = makeHome();
  chmodSync(path, 0o755);
  const joblet = join(path, "joblet");
  const { code } = await runRnx(joblet, ["job", "run", "true"]);
  expect(code).toBe(0);
  const [id = ""] = readdirSync(join(joblet, "jobs"));
  const modes = ["", "jobs", `jobs/${id}`, `jobs/${id}/job.json`, `jobs/${id}/log`].map((path) => {
    const { mode, uid, gid } = statSync(join(joblet, path));
    return [path, (mode & 0o7777).toString(8), uid, gid];
  });
  expect(modes).toEqual([
    ["", "700", 0, 0],
    ["jobs", "700", 0, 0],
    [`jobs/${id}`, "700", 0, 0],
    [`jobs/${id}/job.json`, "600", 0, 0],
    [`jobs/${id}/log`, "600", 0, 0],
  ]);
  // One setpriv for each: it finds the program as root still, wherever this repository lies.
  const script = `cd /; as_user() { setpriv --reuid=65534 --clear-groups "$@"; echo $?; }
    as_user ls $RNX_HOME/jobs; as_user $RNX job list; as_user $RNX job run true; ls $RNX_HOME/jobs | wc -l`;
  const { stdout, stderr } = await runShell(joblet, script);
  expect(stdout).toBe("2\n1\n1\n1\n");
  expect(stderr.match(/Permission denied/g)).toBeArrayOfSize(1);
  expect(stderr.match(/^Error: rnx must be root$/gm)).toBeArrayOfSize(2);
  remove();
});

test("A43: a secret is in no process list, record, explanation or file", async () => {
  const secret = `s3cr3t-${crypto.randomUUID()}`;
  const script = `
    touch stamp; $RNX job run -s K --name n sh -c 'echo "\${#K}" >/work/length; sleep 100' & 
    until $RNX job status n --json 2>/dev/null | grep -q RUNNING; do sleep 0.1; done
    pattern="[\${K:0:1}]\${K:1}" # does not match itself
    echo "in command lines: $(cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c "$pattern")"
    echo "in files: $(find $RNX_HOME /run /tmp /etc/systemd -xdev -newer stamp -type f -exec grep -l "$pattern" {} + 2>/dev/null)"
    $RNX job status n --json; $RNX job status n; $RNX job list --json; $RNX --json job run --explain -s K true
    $RNX job run --explain -s K true; kill $!; wait`;
  const { stdout, stderr } = await runShell(home, `cd $(mktemp -d -p $RNX_HOME); ${script}`, {
    env: { K: secret },
  });
  expect(stdout).toStartWith("in command lines: 0\nin files: \n");
  expect(stdout + stderr).not.toContain(secret);
  expect(stdout).toContain('"K": "***"');
  const explained = await run(["--explain", "-s", "K", "true"], { env: { K: secret } });
  expect(explained.stdout).toContain("K=***");
});

test("nothing in the directory that rnx is called from is run or read: .env, bunfig.toml, package.json", async () => {
  const directory = mkdtempSync(join(home, "hostile-"));
  const other = join(directory, "other-home");
  const files = {
    ".env": `RNX_HOME=${other}\nRNX_SERVER=evil\nFROM_DOTENV=1\n`,
    ".env.local": "FROM_DOTENV=2\n",
    "bunfig.toml": 'preload = ["./preload.ts"]\n',
    "preload.ts": 'require("fs").writeFileSync("preloaded", ""); console.log("PRELOADED");\n',
    "package.json": '{"type": "module", "imports": {"#x": "./preload.ts"}}',
    "tsconfig.json": '{"compilerOptions": {"paths": {"*": ["./preload.ts"]}}}',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  mkdirSync(join(directory, "node_modules/clipanion"), { recursive: true });
  writeFileSync(join(directory, "node_modules/clipanion/index.js"), files["preload.ts"]);
  const { code, stdout, stderr } = await run(["env"], { cwd: directory });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0])
      .sort(),
  ).toEqual(DOCUMENTED);
  expect(readdirSync(directory).sort()).toEqual([...Object.keys(files), "node_modules"].sort());
});
