import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  findClashes,
  planAutoUploads,
  planDirectoryUpload,
  planFileUpload,
} from "../../../src/jobs/upload-plan.ts";
import { copyUploads, type Upload } from "../../../src/jobs/uploads.ts";

const top = mkdtempSync(join(tmpdir(), "rnx-uploads-"));
const directory = join(top, "caller");
const work = join(top, "work");
afterAll(() => rmSync(top, { recursive: true }));
beforeEach(() => {
  rmSync(directory, { recursive: true, force: true });
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(directory, "sub"), { recursive: true });
  mkdirSync(work);
});

const owner = { uid: process.geteuid!(), gid: process.getegid!() };
const at = (path: string) => join(directory, path);
const write = (path: string, text = path) => writeFileSync(at(path), text);
const fileUpload = (source: string, destination: string): Upload => ({
  source: at(source),
  destination,
  kind: "file",
});

function makeFifo(path: string): void {
  expect(Bun.spawnSync(["mkfifo", at(path)]).exitCode).toBe(0);
}

describe("C07: where a named file lands", () => {
  test.each([
    ["f", "f"],
    ["sub/g", "g"],
    ["./f", "f"],
    ["sub/../f", "f"],
    ["f:x", "x"],
    ["f:a/b/x", "a/b/x"],
    ["f:./a//x", "a/x"],
    ["f:dir/", "dir/f"],
    ["f:.", "f"],
    ["link", "link"],
    ["a:b", "a:b"],
  ])("%s lands at /work/%s", (text, destination) => {
    write("f");
    write("sub/g");
    write("a:b");
    symlinkSync("f", at("link"));
    expect(planFileUpload(text, directory)).toMatchObject({ destination, kind: "file" });
  });

  test("an absolute path lands under its own name", () => {
    write("f");
    expect(planFileUpload(at("f"), "/")).toEqual(fileUpload("f", "f"));
  });

  test.each(["f:/etc/passwd", "f:../../etc/x", "f:a/../../x", "f:..", "f:"])("%s is refused", (text) => {
    write("f");
    expect(planFileUpload(text, directory)).toBe(
      'expected SRC[:DEST], DEST being a path below /work without ".."',
    );
  });

  test("a missing file is refused", () => {
    expect(planFileUpload("missing", directory)).toBe("no such file");
    expect(planFileUpload("f/x", directory)).toBe("no such file");
    expect(planFileUpload("", directory)).toBe("not a regular file");
  });
});

describe("C09: what is no regular file", () => {
  test.each(["/dev/zero", "/proc/kmsg", "/etc", "/sys/kernel/uevent_seqnum"])("%s is refused", (path) => {
    expect(planFileUpload(path, directory)).toBe("not a regular file");
  });

  test("a FIFO is refused without waiting for a writer", () => {
    makeFifo("pipe");
    expect(planFileUpload("pipe", directory)).toBe("not a regular file");
  });

  test("a directory with a FIFO anywhere below is refused, naming it", () => {
    makeFifo("sub/pipe");
    expect(planDirectoryUpload(".", directory)).toBe(`${at("sub/pipe")} is a device, FIFO or socket`);
  });

  test("--upload-dir takes directories alone", () => {
    write("f");
    expect(planDirectoryUpload("f", directory)).toBe("not a directory");
    expect(planDirectoryUpload("missing", directory)).toBe("no such directory");
    expect(planDirectoryUpload("sub:../x", directory)).toStartWith("expected SRC[:DEST]");
    expect(planDirectoryUpload("sub", directory)).toEqual({
      source: at("sub"),
      destination: "",
      kind: "directory",
    });
    expect(planDirectoryUpload("sub:a/b/", directory)).toMatchObject({ destination: "a/b" });
  });
});

describe("two uploads to one destination", () => {
  test("two files clash", () => {
    expect(findClashes([fileUpload("a/n", "n"), fileUpload("b/n", "n")])).toEqual([
      `"${at("b/n")}" and "${at("a/n")}" would both be at /work/n`,
    ]);
  });

  test("a file clashes with a directory of that name, in either order", () => {
    const [file, below] = [fileUpload("f", "x"), fileUpload("g", "x/y")];
    expect(findClashes([file, below])).toHaveLength(1);
    expect(findClashes([below, file])).toHaveLength(1);
  });

  test("a file clashes with one of a directory's contents; directories are merged", () => {
    write("sub/n");
    mkdirSync(at("sub/d"));
    const contents: Upload = { source: at("sub"), destination: "", kind: "directory" };
    expect(findClashes([contents, fileUpload("n", "n")])).toHaveLength(1);
    expect(findClashes([contents, fileUpload("n", "d/n")])).toEqual([]);
    expect(findClashes([contents, { ...contents, destination: "other" }])).toEqual([]);
  });
});

describe("auto-upload", () => {
  const plan = (words: string[], named: Upload[] = [], isShellForm = false) =>
    planAutoUploads({ words, isShellForm }, directory, named).map(({ destination }) => destination);

  beforeEach(() => {
    write("App.java");
    write("sub/data.csv");
    write("with blank");
  });

  test.each<[string[], string[]]>([
    [["python", "App.java"], ["App.java"]],
    [
      ["./App.java", "sub/data.csv"],
      ["App.java", "sub/data.csv"],
    ],
    [["App.java", "App.java"], ["App.java"]],
    [["bash", "-c", "javac App.java && java App"], ["App.java"]],
    [["bash", "-c", "cat <'sub/data.csv';x"], ["sub/data.csv"]],
    [["cat", "with blank"], ["with blank"]],
    [["cat", "missing", "sub", "sub/", "App.java/", ""], []],
    [["cat", "../caller/App.java", "sub/../App.java", `${directory}/App.java`], []],
    [["--file=App.java"], []],
    [["a".repeat(100_000)], []],
  ])("the words of %j name %j", (words, expected) => {
    expect(plan(words)).toEqual(expected);
  });

  test("in the shell form the words of the string count, blanks or not", () => {
    expect(plan(["cat<App.java"], [], true)).toEqual(["App.java"]);
    expect(plan(["cat<App.java"])).toEqual([]);
  });

  test("64 MB are uploaded, a byte more is not", () => {
    write("big");
    truncateSync(at("big"), 64 * 2 ** 20);
    expect(plan(["big"])).toEqual(["big"]);
    truncateSync(at("big"), 64 * 2 ** 20 + 1);
    expect(plan(["big"])).toEqual([]);
  });

  test("a link that leads out of the directory is not followed, one inside is", () => {
    writeFileSync(join(top, "secret"), "x");
    symlinkSync("../secret", at("out"));
    symlinkSync(top, at("up"));
    symlinkSync("App.java", at("inside"));
    expect(plan(["out", "up/secret", "inside"])).toEqual(["inside"]);
  });

  test("FIFOs, devices and files of /proc are left alone", () => {
    makeFifo("pipe");
    expect(plan(["pipe"])).toEqual([]);
    expect(planAutoUploads({ words: ["self/status", "version"], isShellForm: false }, "/proc", [])).toEqual(
      [],
    );
    expect(planAutoUploads({ words: ["null"], isShellForm: false }, "/dev", [])).toEqual([]);
  });

  test("what was named is not uploaded twice", () => {
    expect(plan(["App.java"], [fileUpload("other", "App.java")])).toEqual([]);
  });
});

describe("the copy", () => {
  const copy = (...uploads: Upload[]) => copyUploads(uploads, work, owner);
  const mode = (path: string) => lstatSync(join(work, path)).mode & 0o7777;

  test("keeps contents and modes but for set-id bits, and makes the directories above", () => {
    write("f", "x".repeat(3_000_000));
    chmodSync(at("f"), 0o6755);
    copy(fileUpload("f", "a/b/f"));
    expect(readFileSync(join(work, "a/b/f"), "utf8")).toBe("x".repeat(3_000_000));
    expect([mode("a/b/f"), mode("a"), mode("a/b")]).toEqual([0o755, 0o755, 0o755]);
  });

  test("gives everything to the owner", () => {
    write("sub/f");
    symlinkSync("f", at("sub/link"));
    copyUploads([{ source: at("sub"), destination: "d", kind: "directory" }], work, { uid: 1234, gid: 2345 });
    for (const path of ["d", "d/f", "d/link"]) {
      const { uid, gid } = lstatSync(join(work, path));
      expect([path, uid, gid]).toEqual([path, 1234, 2345]);
    }
  });

  test("keeps the links, empty directories and modes of a directory", () => {
    mkdirSync(at("sub/empty"), 0o700);
    write("sub/f");
    symlinkSync("../../../etc/passwd", at("sub/out"));
    symlinkSync("nowhere", at("sub/dangling"));
    copy({ source: at("sub"), destination: "", kind: "directory" });
    expect(mode("empty")).toBe(0o700);
    expect(readlinkSync(join(work, "out"))).toBe("../../../etc/passwd");
    expect(readlinkSync(join(work, "dangling"))).toBe("nowhere");
  });

  test("keeps names that are not UTF-8", () => {
    const name = Buffer.concat([Buffer.from(`${at("sub")}/`), Buffer.of(0xff, 0xfe)]);
    writeFileSync(name, "x");
    copy({ source: at("sub"), destination: "", kind: "directory" });
    expect(readFileSync(Buffer.concat([Buffer.from(`${work}/`), Buffer.of(0xff, 0xfe)]), "utf8")).toBe("x");
  });

  test("a link that one upload brought does not lead the next one out of /work", () => {
    mkdirSync(join(top, "outside"), { recursive: true });
    symlinkSync(join(top, "outside"), at("sub/x"));
    write("f");
    const first: Upload = { source: at("sub"), destination: "", kind: "directory" };
    expect(() => copy(first, fileUpload("f", "x/f"))).toThrow("cannot upload");
    expect(existsSync(join(top, "outside/f"))).toBe(false);
  });

  test("C09: a file that grows is copied up to its size at the opening", async () => {
    write("g", "");
    const writer = Bun.spawn(["dd", "if=/dev/zero", `of=${at("g")}`, "bs=1k", "count=100000"], {
      stderr: "ignore",
    });
    while (statSync(at("g")).size < 1000) await Bun.sleep(1);
    copy(fileUpload("g", "g"));
    const { size } = statSync(join(work, "g"));
    await writer.exited;
    expect(size).toBeGreaterThan(0);
    expect(size).toBeLessThan(statSync(at("g")).size);
  });

  test("a FIFO that took a file's place is refused without waiting", () => {
    makeFifo("f");
    expect(() => copy(fileUpload("f", "f"))).toThrow("not a regular file");
    expect(() => copy({ source: directory, destination: "", kind: "directory" })).toThrow(
      "a device, FIFO or socket",
    );
  });

  test("an empty file and a missing one", () => {
    write("empty", "");
    copy(fileUpload("empty", "empty"));
    expect(readFileSync(join(work, "empty"), "utf8")).toBe("");
    expect(() => copy(fileUpload("gone", "gone"))).toThrow(`cannot upload "${at("gone")}"`);
  });
});
