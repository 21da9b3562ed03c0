/** Jobs in a runtime: which one is meant, what they get of it, and that it is new for each of them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { guardHost } from "../support/clean.ts";
import { RunningJob, runJob } from "../support/job.ts";
import { makeHome, runRnx } from "../support/rnx.ts";
import { installTestRuntime } from "../support/runtime.ts";
import { patient } from "../support/slowness.ts";

const home = makeHome();
afterAll(() => home.remove());
guardHost(home.path);
const run = (words: readonly string[]) => runJob(home.path, words);

/** Of a runtime made by hand, in NAME/ and without a version. */
const HANDMADE_CONFIG = `name: handmade
language: python
language_version: "3.11"
environment: {PATH: "/opt/bin:/usr/bin:/bin", LANG: C, EMPTY: "", TEXT: "two words, \\"quoted\\" and $HOME"}
`;

beforeAll(async () => {
  await installTestRuntime(home.path);
  await installTestRuntime(home.path, { place: "handmade", config: HANDMADE_CONFIG });
}, patient(300_000));

/** A runtime.yml, and below it what the test wants. */
function makeRuntime(place: string, config: string): string {
  const directory = join(home.path, "runtimes", place);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "runtime.yml"), config);
  return directory;
}

describe("--runtime", () => {
  test.each([
    ["t", "t@1.0.0"],
    ["t@1.0.0", "t@1.0.0"],
    ["handmade", "handmade@0.0.0"],
    ["handmade@0.0.0", "handmade@0.0.0"],
  ])("%s runs the job in %s, and the record says so", async (reference, runtime) => {
    const { code, stdout, stderr, job } = await run([`--runtime=${reference}`, "python3", "-V"]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "Python 3.11.2\n", stderr: "" });
    const status = await runRnx(home.path, ["--json", "job", "status", job.uuid]);
    expect(JSON.parse(status.stdout)).toMatchObject({ runtime, status: "COMPLETED" });
  });

  test("python:3.11, of which there are two here, is not guessed", async () => {
    expect(await runRnx(home.path, ["job", "run", "--runtime=python:3.11", "true"])).toEqual({
      code: 125,
      stdout: "",
      stderr: "Error: more than one runtime has python 3.11: handmade, t\n",
    });
  });

  test.each([
    ["x@../../..", '"x@../../.."'],
    ["t@", '"t@"'],
    ["t@9.9", "t@9.9"],
    ["", '""'],
    ["../t", '"../t"'],
  ])("C23: «%s» is not found, and no job is made", async (reference, called) => {
    const before = await runRnx(home.path, ["--json", "job", "list"]);
    expect(await runRnx(home.path, ["job", "run", `--runtime=${reference}`, "true"])).toEqual({
      code: 125,
      stdout: "",
      stderr: `Error: runtime not found: ${called}\n`,
    });
    expect(await runRnx(home.path, ["--json", "job", "list"])).toEqual(before);
  });

  test("C23: a broken runtime is named with its file", async () => {
    const empty = makeRuntime("empty/1.0.0", "");
    const treeless = makeRuntime("treeless", "name: treeless\n");
    const linked = makeRuntime("linked", "name: linked\n");
    symlinkSync("/", join(linked, "isolated"));
    const foreign = process.arch === "arm64" ? "amd64" : "arm64";
    mkdirSync(
      join(makeRuntime("foreign", `name: f\nrequirements: {architectures: [${foreign}]}\n`), "isolated"),
    );
    const errors = {
      empty: `runtime empty@1.0.0 is broken: ${empty}/runtime.yml:1:1: missing key "name"`,
      treeless: `runtime treeless@0.0.0 is broken: ${treeless}/isolated is missing`,
      linked: `runtime linked@0.0.0 is broken: ${linked}/isolated is a symbolic link`,
      foreign: `runtime foreign@0.0.0 is for ${foreign}; this host is ${process.arch === "arm64" ? "arm64" : "amd64"}`,
    };
    for (const [name, error] of Object.entries(errors)) {
      const result = await runRnx(home.path, ["job", "run", `--runtime=${name}`, "true"]);
      expect(result).toEqual({ code: 125, stdout: "", stderr: `Error: ${error}\n` });
    }
  });
});

describe("the variables of a runtime", () => {
  test("are set in its jobs as they are written, before --env and after rnx's own", async () => {
    const script = 'echo "$PATH $LANG ${EMPTY-unset} $TEXT"; env | grep -c ^JOB_';
    const plain = await run(["--runtime=handmade", "sh", "-c", script]);
    expect(plain.stdout).toBe('/opt/bin:/usr/bin:/bin C  two words, "quoted" and $HOME\n2\n');
    const flags = ["-e", "LANG=C.UTF-8", "--env=TEXT=mine", "--secret-env=EMPTY=full"];
    const changed = await run(["--runtime=handmade", ...flags, "sh", "-c", script]);
    expect(changed.stdout).toBe("/opt/bin:/usr/bin:/bin C.UTF-8 full mine\n2\n");
  });

  test("are those of now: a change of runtime.yml counts for the next job", async () => {
    const print = ["--runtime=handmade", "printenv", "LANG"];
    expect((await run(print)).stdout).toBe("C\n");
    makeRuntime("handmade", HANDMADE_CONFIG.replace("LANG: C,", "LANG: POSIX,"));
    expect((await run(print)).stdout).toBe("POSIX\n");
    makeRuntime("handmade", HANDMADE_CONFIG);
    expect((await run(print)).stdout).toBe("C\n");
  });
});

describe("the root of a job in a runtime", () => {
  test("can be written everywhere, and is thrown away with the job", async () => {
    const change =
      "mkdir /opt/new /usr/lib/new && chown 1000:1000 /opt/new && rm -r /etc/apt && chmod 600 /etc/passwd &&" +
      " mv /usr/bin/env /usr/local/bin/renamed && renamed echo ran";
    const look =
      "ls -A /opt && test ! -e /usr/lib/new && ls -d /etc/apt && stat -c %a /etc/passwd && env echo back";
    for (const [script, stdout] of [
      [change, "ran\n"],
      [look, "/etc/apt\n644\nback\n"],
    ] as const) {
      expect(await run(["--runtime=t", "sh", "-c", script])).toMatchObject({ code: 0, stdout, stderr: "" });
    }
  });

  test("is each job's own when two are in the same runtime at once", async () => {
    const script = (own: string) =>
      `echo ${own} > /etc/own && rm -r /usr/share/keyrings && echo ready && read -r line && echo $line $(cat /etc/own)`;
    await using first = await RunningJob.start(home.path, ["--runtime=t", "sh", "-c", script("first")]);
    await using second = await RunningJob.start(home.path, ["--runtime=t", "sh", "-c", script("second")]);
    for (const job of [first, second]) await job.send("still");
    expect([(await first.end()).code, (await second.end()).code]).toEqual([0, 0]);
    expect([first.stdout, second.stdout]).toEqual(["ready\nstill first\n", "ready\nstill second\n"]);
  });
});
