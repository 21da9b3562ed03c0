import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogFilter, LogReader, readLog, timestampLines } from "../../../src/state/log-reader.ts";
import { LogWriter } from "../../../src/state/log.ts";

let directory = "";
let path = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rnx-log-"));
  path = join(directory, "log");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const TIME = new Date("2026-11-24T12:00:00.000Z");
const LATER = new Date("2026-11-24T12:00:01.500Z");
const MB = 2 ** 20;

type Output = readonly ["stdout" | "stderr", string | Uint8Array, Date?];

function write(outputs: readonly Output[], maxBytes = MB): LogWriter {
  using log = new LogWriter(path, { maxBytes });
  for (const [stream, bytes, time] of outputs) log.append(stream, Buffer.from(bytes), time ?? TIME);
  return log;
}

/** What is read, as `stream:text` for each frame. */
function read(options: LogFilter & { readonly tailLines?: number } = {}): string[] {
  return Array.from(readLog(path, options), ({ stream, bytes }) => `${stream}:${Buffer.from(bytes)}`);
}

function readBytes(): Buffer {
  return Buffer.concat(Array.from(readLog(path), ({ bytes }) => Buffer.from(bytes)));
}

describe("a log", () => {
  test("is text that a person can read", () => {
    write([
      ["stdout", "hello\n"],
      ["stderr", "oh", LATER],
    ]);
    expect(readFileSync(path, "utf8")).toBe(
      "2026-11-24T12:00:00.000Z stdout 6\nhello\n\n2026-11-24T12:00:01.500Z stderr 2\noh\n",
    );
    expect((statSync(path).mode & 0o777).toString(8)).toBe("600");
  });

  test("gives the output back byte for byte, in order, with stream and time", () => {
    write([
      ["stdout", "a\nb"],
      ["stderr", "c\n", LATER],
      ["stdout", "d\n", LATER],
    ]);
    expect(read()).toEqual(["stdout:a\nb", "stderr:c\n", "stdout:d\n"]);
    expect(Array.from(readLog(path), ({ time }) => time)).toEqual(
      [TIME, LATER, LATER].map((time) => time.toISOString()),
    );
  });

  test("holds any bytes, what looks like a frame too, and chunks of any size", () => {
    const random = crypto.getRandomValues(new Uint8Array(60_000));
    const fake = "x\n2026-11-24T12:00:00.000Z stderr 3\nfoo\n";
    const outputs = [
      fake,
      random,
      "\0\n\n",
      Buffer.concat(Array<Uint8Array>(20).fill(random)),
      new Uint8Array(0),
      fake,
    ];
    write(
      outputs.map((bytes): Output => ["stdout", bytes]),
      4 * MB,
    );
    expect(readBytes().equals(Buffer.concat(outputs.map((bytes) => Buffer.from(bytes))))).toBe(true);
  });

  test("that is not there has no output", () => {
    expect(read()).toEqual([]);
    expect(read({ tailLines: 3 })).toEqual([]);
  });

  test("can be asked for one stream, and from a time on", () => {
    write([
      ["stdout", "a"],
      ["stderr", "b"],
      ["stdout", "c", LATER],
    ]);
    expect(read({ stream: "stderr" })).toEqual(["stderr:b"]);
    expect(read({ since: new Date(TIME.getTime() + 1) })).toEqual(["stdout:c"]);
    expect(read({ since: LATER, stream: "stderr" })).toEqual([]);
  });

  test("gives its last lines, however they were written", () => {
    write([
      ["stdout", "1\n2\n3"],
      ["stdout", "3\n"],
      ["stderr", "e\n"],
      ["stdout", "4\n5"],
    ]);
    expect(read({ tailLines: 0 })).toEqual([]);
    expect(read({ tailLines: 1 })).toEqual(["stdout:5"]);
    expect(read({ tailLines: 3 })).toEqual(["stderr:e\n", "stdout:4\n5"]);
    expect(read({ tailLines: 4 })).toEqual(["stdout:3", "stdout:3\n", "stderr:e\n", "stdout:4\n5"]);
    expect(read({ tailLines: 3, stream: "stdout" })).toEqual(["stdout:3", "stdout:3\n", "stdout:4\n5"]);
    expect(read({ tailLines: 99 })).toEqual(read());
  });

  test("gives the last lines of much output too", () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`);
    write(
      [
        ["stdout", lines.slice(0, 90_000).join("")],
        ...lines.slice(90_000).map((line): Output => ["stdout", line]),
      ],
      8 * MB,
    );
    for (const count of [1, 2, 999, 9_999, 10_000, 10_001, 50_000, 99_999, 100_000, 100_001]) {
      expect(read({ tailLines: count }).join("").replaceAll("stdout:", "")).toBe(
        lines.slice(-count).join(""),
      );
    }
  });

  test("can be followed while it grows", () => {
    const log = new LogWriter(path, { maxBytes: MB });
    using reader = new LogReader(path);
    const next = () => Array.from(reader.readFrames(), ({ bytes }) => `${Buffer.from(bytes)}`);
    expect(next()).toEqual([]);
    log.append("stdout", Buffer.from("a"), TIME);
    expect(next()).toEqual(["a"]);
    expect(next()).toEqual([]);
    log.append("stderr", Buffer.from("b"), TIME);
    log.append("stdout", Buffer.from("c"), TIME);
    expect(next()).toEqual(["b", "c"]);
    log.close();
    appendFileSync(path, "2026-11-24T12:00:00.000Z stdout 4\nto");
    expect(next()).toEqual([]);
    truncateSync(path, statSync(path).size - 2);
    appendFileSync(path, "full\n");
    expect(next()).toEqual(["full"]);
  });
});

describe("a log that is not whole", () => {
  test("torn by a crash: what is there of the last frame is given", () => {
    write([
      ["stdout", "whole\n"],
      ["stderr", "torn\n"],
    ]);
    const whole = readFileSync(path);
    for (let length = whole.length - 1; length > whole.length - 6; length--) {
      truncateSync(path, length);
      expect(read().join("")).toBe(`stdout:whole\nstderr:${"torn\n".slice(0, length - whole.length + 6)}`);
    }
    truncateSync(path, whole.length - 10);
    expect(read()).toEqual(["stdout:whole\n"]);
    expect(read({ tailLines: 1 })).toEqual(["stdout:whole\n"]);
  });

  test.each([
    ["random bytes", Buffer.from("\x01\x02\n\x03")],
    ["a frame without its end", Buffer.from("2026-11-24T12:00:00.000Z stdout 1\nabc\n")],
    ["a frame that is too long", Buffer.from("2026-11-24T12:00:00.000Z stdout 99999\nabc\n")],
    ["an unknown stream", Buffer.from("2026-11-24T12:00:00.000Z stdin 1\na\n")],
  ])("damaged (%s): what stands before is given, and a notice", (_, damage) => {
    write([["stdout", "whole\n"]]);
    const { size } = statSync(path);
    appendFileSync(path, damage);
    const notice = `rnx:the log is damaged from byte ${size} on\n`;
    expect(read()).toEqual(["stdout:whole\n", notice]);
    expect(read({ tailLines: 1 })).toEqual([notice]);
    expect(read({ tailLines: 2, stream: "stdout" })).toEqual(["stdout:whole\n", notice]);
  });

  test("zeros at the end, as in a log that grows or after a crash of the host, are no output", () => {
    write([["stdout", "whole\n"]]);
    truncateSync(path, 2 ** 40);
    expect(read()).toEqual(["stdout:whole\n"]);
    expect(read({ tailLines: 1 })).toEqual(["stdout:whole\n"]);
  });
});

describe("the size of a log", () => {
  test("is at most its limit and one frame that says so; what is missing is counted", () => {
    const log = write(
      [
        ["stdout", "x".repeat(5000)],
        ["stderr", "y".repeat(1000)],
        ["stdout", "z".repeat(70_000)],
      ],
      4096,
    );
    const [first, second, ...rest] = read();
    expect(first).toBe(`stdout:${"x".repeat(first!.length - 7)}`);
    expect(second).toBe("rnx:the log is cut here: it has reached 4KB (--log-max)\n");
    expect(rest).toEqual([]);
    expect(log.cutBytes).toBe(76_000 - (first!.length - 7));
    expect(log.failure).toBeUndefined();
    expect(statSync(path).size).toBeLessThanOrEqual(4096 + 120);
    expect(statSync(path).size).toBeGreaterThan(4096);
  });

  test("may be too small for anything", () => {
    expect(write([["stdout", "abc"]], 1).cutBytes).toBe(3);
    expect(read()).toEqual(["rnx:the log is cut here: it has reached 1B (--log-max)\n"]);
  });

  test("a limit that is just met cuts nothing", () => {
    write([["stdout", "abc\n"]]);
    const { size } = statSync(path);
    rmSync(path);
    expect(write([["stdout", "abc\n"]], size).cutBytes).toBe(0);
    expect(read()).toEqual(["stdout:abc\n"]);
  });

  test.each([
    ["8", "24000", ["stdout:", "stdout:"]],
    ["1", "30000", []],
  ])(
    "where the system allows no more than %s KB it ends with a notice, and nothing is thrown",
    (limit, cut, kept) => {
      const script = `
      import { LogWriter } from ${JSON.stringify(join(import.meta.dir, "../../../src/state/log.ts"))};
      const log = new LogWriter(${JSON.stringify(path)}, { maxBytes: 1e9 });
      for (let i = 0; i < 10; i++) log.append("stdout", Buffer.alloc(3000, "x"), new Date());
      log.close();
      console.log(log.failure, log.cutBytes);
    `;
      const limited = `ulimit -f ${limit}; exec "$0" -e "$1"`;
      const { stdout } = Bun.spawnSync(["bash", "-c", limited, process.execPath, script]);
      expect(stdout.toString()).toBe(`EFBIG ${cut}\n`);
      expect(read().map((frame) => frame.replace(/x{3,}/, ""))).toEqual([
        ...kept,
        "rnx:the log is cut here: EFBIG\n",
      ]);
    },
  );
});

test("times stand before each line, also where the lines of two streams are mixed", () => {
  write([
    ["stdout", "a\nb"],
    ["stderr", "e\n", LATER],
    ["stdout", "b\n\nc\n", LATER],
  ]);
  const lines = Array.from(timestampLines(readLog(path)), ({ stream, bytes }) => [
    stream,
    `${Buffer.from(bytes)}`,
  ]);
  const [early, late] = [TIME.toISOString(), LATER.toISOString()];
  expect(lines).toEqual([
    ["stdout", `${early} a\n${early} b`],
    ["stderr", `${late} e\n`],
    ["stdout", `b\n${late} \n${late} c\n`],
  ]);
});
