/** --output: what a job made is copied out by name, whatever its code, and no link or device leads elsewhere. */
import { afterAll, describe, expect, test } from "bun:test";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { guardHost } from "../support/clean.ts";
import { runJob } from "../support/job.ts";
import { makeHome } from "../support/rnx.ts";
import { patient } from "../support/slowness.ts";

const home = makeHome();
afterAll(() => home.remove());
guardHost(home.path);

let directories = 0;

/** A new directory of the caller, of another user than root: what lands there is to be that user's. */
function makeDirectory(): string {
  const directory = join(home.path, `caller-${(directories += 1)}`);
  mkdirSync(directory);
  chownSync(directory, OWNER, OWNER);
  return directory;
}

const OWNER = 4321;
const runIn = (cwd: string, ...words: string[]) => runJob(home.path, words, { cwd });

describe("--output copies", () => {
  test("a file, with its mode, to the owner of the directory it lands in", async () => {
    const cwd = makeDirectory();
    const { code, stderr } = await runIn(
      cwd,
      "--output=made",
      "sh",
      "-c",
      "printf 'a\\000\\377' >made; chmod 750 made",
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readFileSync(join(cwd, "made"))).toEqual(Buffer.from([97, 0, 255]));
    const { mode, uid, gid } = statSync(join(cwd, "made"));
    expect({ mode: mode & 0o7777, uid, gid }).toEqual({ mode: 0o750, uid: OWNER, gid: OWNER });
    expect(readdirSync(cwd)).toEqual(["made"]);
  });

  test("to another name, into a directory, from an absolute path, more than one", async () => {
    const cwd = makeDirectory();
    mkdirSync(join(cwd, "there"));
    const flags = ["--output=a:b", "--output=a:there", "--output=/tmp/c", "--output=/work/a:there/d"];
    const { code } = await runIn(cwd, ...flags, "sh", "-c", "echo a >a; echo c >/tmp/c");
    expect(code).toBe(0);
    for (const [path, text] of Object.entries({ b: "a\n", "there/a": "a\n", c: "c\n", "there/d": "a\n" })) {
      expect(readFileSync(join(cwd, path), "utf8")).toBe(text);
    }
  });

  test("a directory with all that is below it, links inside it as links", async () => {
    const cwd = makeDirectory();
    const script =
      "mkdir -p d/e/f; echo x >d/e/f/file; ln -s e/f/file d/link; ln -s ../e d/e/up; mkdir d/empty; touch 'd/a b'";
    const { code, stderr } = await runIn(cwd, "--output=d", "sh", "-c", script);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readFileSync(join(cwd, "d/e/f/file"), "utf8")).toBe("x\n");
    expect(readlinkSync(join(cwd, "d/link"))).toBe("e/f/file");
    expect(readlinkSync(join(cwd, "d/e/up"))).toBe("../e");
    expect(readdirSync(join(cwd, "d")).sort()).toEqual(["a b", "e", "empty", "link"]);
    for (const path of ["d", "d/e", "d/e/f/file", "d/link", "d/empty"]) {
      expect(lstatSync(join(cwd, path)).uid).toBe(OWNER);
    }
  });

  test("after a failed job, after --timeout, and after a signal", async () => {
    const cwd = makeDirectory();
    expect((await runIn(cwd, "--output=a", "sh", "-c", "echo 1 >a; exit 3")).code).toBe(3);
    expect(readFileSync(join(cwd, "a"), "utf8")).toBe("1\n");
    expect((await runIn(cwd, "--output=a", "--timeout=1s", "sh", "-c", "echo 2 >a; sleep 99")).code).toBe(
      124,
    );
    expect(readFileSync(join(cwd, "a"), "utf8")).toBe("2\n");
    expect((await runIn(cwd, "--output=a", "sh", "-c", "echo 3 >a; kill -KILL $$")).code).toBe(137);
    expect(readFileSync(join(cwd, "a"), "utf8")).toBe("3\n");
  });

  test("over a file that is there, and never through a link that is there", async () => {
    const cwd = makeDirectory();
    const canary = join(home.path, "canary");
    writeFileSync(canary, "canary");
    writeFileSync(join(cwd, "a"), "old");
    symlinkSync(canary, join(cwd, "b"));
    const { code } = await runIn(cwd, "--output=a", "--output=b", "sh", "-c", "echo new >a; echo new >b");
    expect(code).toBe(0);
    expect(readFileSync(join(cwd, "a"), "utf8")).toBe("new\n");
    expect(readFileSync(canary, "utf8")).toBe("canary");
  });

  test(
    "64 MB, whole",
    async () => {
      const cwd = makeDirectory();
      const { stdout } = await runIn(
        cwd,
        "--output=large",
        "sh",
        "-c",
        "head -c 64M /dev/urandom | tee large | sha256sum",
      );
      const digest = new Bun.CryptoHasher("sha256").update(readFileSync(join(cwd, "large"))).digest("hex");
      expect(stdout).toStartWith(digest);
    },
    patient(30_000),
  );
});

describe("what could not be copied is said", () => {
  test("a path that is not there makes a 0 a 1; the record keeps the job's own code", async () => {
    const cwd = makeDirectory();
    const { code, stderr, job } = await runIn(
      cwd,
      "--output=none",
      "--output=made",
      "sh",
      "-c",
      "echo x >made",
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/output not copied: none: no such file/);
    expect(job).toMatchObject({ status: "COMPLETED", exit_code: 0 });
    expect(readdirSync(cwd)).toEqual(["made"]);
  });

  test("and leaves another code as it is", async () => {
    const { code, stderr } = await runIn(makeDirectory(), "--output=none", "sh", "-c", "exit 7");
    expect(code).toBe(7);
    expect(stderr).toContain("output not copied: none");
  });

  test.each([
    ["a FIFO", "mkfifo made"],
    ["a device", "ln -s /dev/zero made"],
    ["a terminal multiplexer", "ln -s /dev/ptmx made"],
    ["a socket", "python3 -c \"import socket; socket.socket(1).bind('made')\""],
    ["a link that leads nowhere", "ln -s nowhere made"],
    ["a link to itself", "ln -s made made"],
    ["a link to a host's file that the job does not have", "ln -s /etc/shadow made"],
    ["a link by way of /proc", "ln -s /proc/1/root/etc/hostname made"],
    ["a file of /proc that never ends", "ln -s /proc/kmsg made"],
  ])("%s is refused, at once", async (_, script) => {
    const cwd = makeDirectory();
    const start = performance.now();
    const { code, stderr } = await runIn(cwd, "--output=made", "sh", "-c", script);
    expect(code).toBe(1);
    expect(stderr).toContain("output not copied: made");
    expect(readdirSync(cwd)).toEqual([]);
    expect(performance.now() - start).toBeLessThan(patient(5000));
  });

  test("a link inside a directory that leads out of it, and a FIFO there: the rest is copied", async () => {
    const cwd = makeDirectory();
    const script =
      "mkdir d; echo x >d/file; ln -s /etc/passwd d/absolute; ln -s ../../etc d/up; mkfifo d/fifo";
    const { code, stderr } = await runIn(cwd, "--output=d", "sh", "-c", script);
    expect(code).toBe(1);
    for (const name of ["absolute", "up", "fifo"])
      expect(stderr).toContain(`output not copied: /work/d/${name}: `);
    expect(readdirSync(join(cwd, "d"))).toEqual(["file"]);
  });

  test("a parent that is a link out of the job leads to the job's own files", async () => {
    const cwd = makeDirectory();
    const { code, stderr } = await runIn(cwd, "--output=d/shadow", "sh", "-c", "ln -s ../../../../etc d");
    expect(code).toBe(1);
    expect(stderr).toContain("output not copied: d/shadow: no such file");
    expect(existsSync(join(cwd, "shadow"))).toBe(false);
  });

  test("a local directory that is not there", async () => {
    const { code, stderr } = await runIn(
      makeDirectory(),
      "--output=a:no/such/place",
      "sh",
      "-c",
      "echo x >a",
    );
    expect(code).toBe(1);
    expect(stderr).toContain("output not copied: a");
  });

  test("a directory in the place of a file", async () => {
    const cwd = makeDirectory();
    mkdirSync(join(cwd, "made"));
    writeFileSync(join(cwd, "made/own"), "own");
    const { code } = await runIn(
      cwd,
      "--no-auto-upload",
      "--output=made",
      "sh",
      "-c",
      "mkdir made; mkdir made/own; echo x >made/other",
    );
    expect(code).toBe(1);
    expect(readFileSync(join(cwd, "made/own"), "utf8")).toBe("own");
    expect(readFileSync(join(cwd, "made/other"), "utf8")).toBe("x\n");
  });

  test(
    "a tree too deep for any path ends, and can be removed with the job",
    async () => {
      const cwd = makeDirectory();
      const program =
        "import os\nfor i in range(3000): os.mkdir('d' * 20); os.chdir('d' * 20)\nopen('file', 'w')";
      const { code, stderr } = await runIn(cwd, `--output=${"d".repeat(20)}`, "python3", "-c", program);
      expect(code).toBe(1);
      expect(stderr).toContain("output not copied: ");
      expect(stderr).not.toContain("internal error");
    },
    patient(60_000),
  );
});
