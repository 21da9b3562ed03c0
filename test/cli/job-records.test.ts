import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stable } from "../support/filters.ts";
import { makeHome, RNX, runRnx, runShell } from "../support/rnx.ts";

const home = makeHome();
afterAll(() => home.remove());
const rnx = (...args: string[]) => runRnx(home.path, args);
const shell = (script: string) => runShell(home.path, script);

/** The ids of the jobs of this file, the newest first. */
let ids: string[] = [];
const list = async (...flags: string[]) => JSON.parse((await rnx("job", "list", "--json", ...flags)).stdout);

beforeAll(async () => {
  await rnx("job", "run", "--name", "first", "sh", "-c", "echo out; echo err >&2; echo last");
  await rnx("job", "run", "--name", "second", "sh", "-c", "exit 3");
  await rnx("job", "run", "printf", "a\\033[31m\nb");
  ids = (await list()).map(({ uuid }: { uuid: string }) => uuid);
});

describe("job list", () => {
  test("shows the newest first, in columns that hold no control characters", async () => {
    const { code, stdout, stderr } = await rnx("job", "list");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stable(stdout).replace(/ +/g, " ")).toBe(
      [
        "UUID NAME STATUS START TIME DURATION EXIT COMMAND",
        "<uuid> - COMPLETED <time> <duration> 0 printf a\\033[31m\\nb",
        "<uuid> second FAILED <time> <duration> 3 sh -c exit 3",
        "<uuid> first COMPLETED <time> <duration> 0 sh -c echo out; echo err >&2; echo last",
        "",
      ].join("\n"),
    );
  });

  test("cuts a long command", async () => {
    const other = makeHome();
    await runRnx(other.path, ["job", "run", "--rm", "true"]);
    await runRnx(other.path, ["job", "run", "true", "x".repeat(100_000)]);
    const { stdout } = await runRnx(other.path, ["job", "list"]);
    expect(stdout.split("\n").map((line) => line.replace(/.* (?=true)/, ""))[1]).toBe(
      `true ${"x".repeat(72)}...`,
    );
    other.remove();
  });

  test("--status, --name and --limit choose", async () => {
    const names = async (...flags: string[]) =>
      (await list(...flags)).map((job: { name: string }) => job.name);
    expect(await names("--status", "FAILED")).toEqual(["second"]);
    expect(await names("--status=completed")).toEqual([null, "first"]);
    expect(await names("--name", "first")).toEqual(["first"]);
    expect(await names("--limit", "1")).toEqual([null]);
  });

  test("a wrong value is refused with the accepted form, all at once", async () => {
    const { code, stderr } = await rnx("job", "list", "--status", "DONE", "--limit", "0");
    expect(code).toBe(2);
    expect(stderr.split("\n")).toEqual([
      'Error: --status "DONE": expected one of INITIALIZING, SCHEDULED, RUNNING, COMPLETED, FAILED, STOPPED, CANCELED',
      'Error: --limit "0": expected a whole number from 1',
      "",
    ]);
  });

  test("--json is the record, wherever it stands", async () => {
    const record = JSON.parse(readFileSync(join(home.path, "jobs", ids[0]!, "job.json"), "utf8"));
    const jobs = JSON.parse((await rnx("--json", "job", "list")).stdout);
    expect(jobs).toHaveLength(3);
    expect(jobs[0]).toEqual(record);
  });

  test("an empty home has no jobs, and none is made", async () => {
    const empty = join(home.path, "none");
    expect(await runRnx(empty, ["job", "list", "--json"])).toEqual({ code: 0, stdout: "[]\n", stderr: "" });
    expect(existsSync(empty)).toBe(false);
  });

  test("a record that cannot be read is named with its remedy", async () => {
    const damaged = makeHome();
    await runRnx(damaged.path, ["job", "run", "true"]);
    const [{ uuid }] = JSON.parse((await runRnx(damaged.path, ["job", "list", "--json"])).stdout);
    writeFileSync(join(damaged.path, "jobs", uuid, "job.json"), "{");
    const { code, stdout, stderr } = await runRnx(damaged.path, ["job", "list", "--json"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "[]\n" });
    expect(stderr).toContain(`rnx job delete --force ${uuid.slice(0, 8)}`);
    expect((await runRnx(damaged.path, ["job", "status", uuid])).code).toBe(1);
    expect((await runRnx(damaged.path, ["job", "delete", "--force", uuid])).code).toBe(0);
    damaged.remove();
  });
});

describe("job status", () => {
  test("takes an id, its beginning or a name; --json is the record", async () => {
    const [, second] = ids;
    const record = (await list("--name", "second"))[0];
    for (const reference of [second!, second!.slice(0, 8), "second"]) {
      expect(JSON.parse((await rnx("job", "status", "--json", reference)).stdout)).toEqual(record);
    }
  });

  test("tells a person what is known", async () => {
    const { stdout } = await rnx("job", "status", "second");
    expect(stdout).toMatch(/^Status: +FAILED \(exit\)$/m);
    expect(stdout).toMatch(/^Exit code: +3$/m);
    expect(stdout).toMatch(/^Command: +sh -c exit 3$/m);
    expect(stdout).toMatch(/^Limits: +processes 4096$/m);
  });
});

describe("job log", () => {
  test("gives each stream where it belongs", async () => {
    expect(await rnx("job", "log", "first")).toEqual({ code: 0, stdout: "out\nlast\n", stderr: "err\n" });
  });

  test("--stream picks one, --tail the last lines, --timestamps their times", async () => {
    expect((await rnx("job", "log", "--stream=stderr", "first")).stdout).toBe("err\n");
    expect((await rnx("job", "log", "first", "--tail", "1", "--stream=stdout")).stdout).toBe("last\n");
    expect((await rnx("job", "log", "first", "--tail=0")).stdout).toBe("");
    const { stdout } = await rnx("job", "log", "--timestamps", "--stream", "stdout", "first");
    expect(stable(stdout)).toBe("<time> out\n<time> last\n");
  });

  test("--since takes a time or how long ago", async () => {
    expect((await rnx("job", "log", "first", "--since", "1h")).stdout).toBe("out\nlast\n");
    expect((await rnx("job", "log", "first", "--since", "2099-01-01T00:00:00Z")).stdout).toBe("");
  });

  test("--json is one object a line", async () => {
    const { stdout } = await rnx("--json", "job", "log", "first");
    const frames = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(frames.map(({ stream }) => stream)).toContain("stderr");
    expect(
      frames
        .filter(({ stream }) => stream === "stdout")
        .map(({ text }) => text)
        .join(""),
    ).toBe("out\nlast\n");
  });

  test("wrong values are refused", async () => {
    const { code, stderr } = await rnx("job", "log", "first", "--tail=-1", "--since=x", "--stream=both");
    expect(code).toBe(2);
    expect(stderr.match(/^Error: --(tail|since|stream) "/gm)).toHaveLength(3);
  });

  test("C25: into a reader that goes, quietly", async () => {
    const { stdout, stderr } = await shell("$RNX job log first | head -1; $RNX job list | true");
    expect({ stdout, stderr: stderr.replace("err\n", "") }).toEqual({ stdout: "out\n", stderr: "" });
  });
});

describe("C22: a reference that names no job", () => {
  test.each(["../../../etc/passwd", "", "*", "-1", ".", "zzzz"])(
    "%j ends with 1: not found",
    async (reference) => {
      for (const verb of ["log", "status", "delete"]) {
        expect(await rnx("job", verb, reference)).toEqual({
          code: 1,
          stdout: "",
          stderr: `Error: job not found: "${reference}"\n`,
        });
      }
    },
  );

  test("opens nothing outside of the home", async () => {
    const { stdout } = await shell(
      "strace -f -e trace=open,openat -o /dev/stdout $RNX job log ../../../etc/passwd | grep -c etc/passwd",
    );
    expect(stdout.trim()).toBe("0");
  });
});

describe("job delete", () => {
  test("deletes what it can, tells of each that it cannot, and ends with 1", async () => {
    const { code, stdout, stderr } = await rnx("job", "delete", "nosuch", "second", "neither");
    expect({ code, stdout }).toEqual({ code: 1, stdout: `${ids[1]}\n` });
    expect(stderr).toBe('Error: job not found: "nosuch"\nError: job not found: "neither"\n');
    expect(existsSync(join(home.path, "jobs", ids[1]!))).toBe(false);
  });

  test("a running job is refused, with --force killed first", async () => {
    const running = Bun.spawn(["sh", "-c", `exec "$0" job run --name endless sleep 1000`, RNX], {
      env: { ...process.env, RNX_HOME: home.path },
      stdio: ["ignore", "ignore", "ignore"],
    });
    while ((await list("--name", "endless", "--status", "RUNNING")).length === 0) await Bun.sleep(20);
    const refused = await rnx("job", "delete", "endless");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("is running");
    expect((await rnx("job", "delete", "--force", "endless")).code).toBe(0);
    expect(await running.exited).toBe(137);
    expect(await list("--name", "endless")).toEqual([]);
  });

  test("delete-all leaves nothing of what is over", async () => {
    const { code, stdout } = await rnx("job", "delete-all", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout).deleted.toSorted()).toEqual([ids[0], ids[2]].toSorted());
    expect(await list()).toEqual([]);
  });
});
