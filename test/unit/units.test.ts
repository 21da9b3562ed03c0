import { describe, expect, test } from "bun:test";
import {
  formatCpuList,
  formatDuration,
  formatSize,
  parseCpuList,
  parseCpuRanges,
  parseDuration,
  parseInteger,
  parsePercent,
  parsePids,
  parseSize,
} from "../../src/units.ts";

const MB = 2 ** 20;

describe("sizes", () => {
  test.each([
    ["64", 64 * MB],
    ["64M", 64 * MB],
    ["64mb", 64 * MB],
    ["64MiB", 64 * MB],
    ["65536K", 64 * MB],
    ["64.5", 67_633_152],
    ["1.5G", 1536 * MB],
    ["0.5k", 512],
    ["10gb", 10 * 1024 * MB],
    ["1T", 2 ** 40],
    ["8191T", 8191 * 2 ** 40],
  ])("%s is %d bytes where a bare number is MB", (text, bytes) => {
    expect(parseSize(text, "MB")).toBe(bytes);
  });

  test("a bare number is bytes where the unit says so", () => {
    expect(parseSize("1048576", "B")).toBe(MB);
    expect(parseSize("9007199254740991", "B")).toBe(Number.MAX_SAFE_INTEGER);
  });

  test.each(
    [
      ...[
        "",
        "0",
        "0M",
        "0.0",
        "-1",
        "-1GB",
        "+1",
        "NaN",
        "Infinity",
        "1e9",
        "9e18",
        "0x40",
        "64X",
        "10ZB",
        "16E",
      ],
      ...[
        " 64",
        "64 ",
        "10 GB",
        "64\n",
        "1,5G",
        "1.G",
        ".5G",
        "1..5",
        "1.5.5",
        "M",
        "1B",
        "1KBB",
        "064",
        "٣",
      ],
      ...[
        "18446744073709551616",
        "9007199254740992",
        "9007199254740993",
        "99999999TB",
        "8192T",
        "9".repeat(100_000),
      ],
      ...["1.0000000000000001", "64m\0", "64M\u0131b", "64\u212a"],
    ].map((text) => [text]),
  )("%p is refused", (text) => {
    expect(parseSize(text, "MB")).toBeUndefined();
  });

  test("a fraction of a byte, or more than a safe integer, is refused and not rounded", () => {
    for (const text of ["0.3K", "1.5", "0.0001K", "9007199254740992", "9007199254740993"]) {
      expect(parseSize(text, "B")).toBeUndefined();
    }
  });

  test.each([
    [0, "0B"],
    [1023, "1023B"],
    [1024, "1KB"],
    [475 * MB, "475MB"],
    [64.5 * MB, "64.5MB"],
    [1536 * MB, "1.5GB"],
    [1024 * MB - 1, "1GB"],
    [Number.MAX_SAFE_INTEGER, "8192TB"],
  ])("%d bytes are printed as %s", (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});

describe("durations", () => {
  test.each([
    ["500ms", 500],
    ["90s", 90_000],
    ["90sec", 90_000],
    ["1second", 1000],
    ["30min", 1_800_000],
    ["30m", 1_800_000],
    ["1hour", 3_600_000],
    ["2hours", 7_200_000],
    ["2h30m", 9_000_000],
    ["1d", 86_400_000],
    ["2days12h", 216_000_000],
    ["1.5h", 5_400_000],
    ["0.1s200ms", 300],
    ["0s", 0],
    ["36500d", 36_500 * 86_400_000],
  ])("%s is %d ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(
    [
      ...[
        "",
        "10",
        "0",
        "-5m",
        "+5m",
        "1 hour",
        "1 hour ago",
        " 1s",
        "1s ",
        "1h1h",
        "30m2h",
        "1H",
        "1M",
        "1w",
        "s",
      ],
      ...[
        "1.5ms",
        "0.0001s",
        "1.s",
        ".5s",
        "NaN",
        "Infinity",
        "1e3s",
        "99999999h",
        "36501d",
        "1ms1s",
        "9".repeat(1e5),
      ],
    ].map((text) => [text]),
  )("%p is refused", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test.each([
    [0, "0ms"],
    [340, "340ms"],
    [4200, "4.2s"],
    [10_000, "10s"],
    [59_949, "59.9s"],
    [59_999, "1m"],
    [90_000, "1m30s"],
    [7_205_000, "2h5s"],
    [273_600_000, "3d4h"],
  ])("%d ms are printed as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test("what is printed of whole seconds can be read again", () => {
    for (const seconds of [1, 59, 60, 61, 3600, 86_399, 86_400, 1_000_001]) {
      expect(parseDuration(formatDuration(seconds * 1000))).toBe(seconds * 1000);
    }
  });
});

describe("whole numbers", () => {
  test("a share of CPU is 1 to 10000", () => {
    expect(parsePercent("1")).toBe(1);
    expect(parsePercent("10000")).toBe(10_000);
    for (const text of ["0", "-5", "NaN", "1e308", "", "10001", "1.5", "050", " 5", "5%"]) {
      expect(parsePercent(text)).toBeUndefined();
    }
  });

  test("a number of processes is 1 to 4194304", () => {
    expect(parsePids("4194304")).toBe(4_194_304);
    for (const text of ["0", "-1", "4194305", "1.5", "", "max"]) expect(parsePids(text)).toBeUndefined();
  });

  test("beyond the safe integers nothing is rounded", () => {
    expect(parseInteger("9007199254740993", 0, Infinity)).toBeUndefined();
    expect(parseInteger("9007199254740991", 0, Infinity)).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe("lists of cores", () => {
  const online = [0, 1, 2, 3];

  test.each([
    ["0", [0]],
    ["0-3", [0, 1, 2, 3]],
    ["0,2", [0, 2]],
    ["0,0", [0]],
    ["0-0", [0]],
    ["3,1-2", [1, 2, 3]],
  ])("%s is accepted", (text, cores) => {
    expect(parseCpuList(text, online)).toEqual(cores);
  });

  test.each(
    ["0-", "1-0", "a", "-1", "0-4294967296", "0,,1", " 0", "0;1", "", "0-1-2", "0\n", ","].map((text) => [
      text,
    ]),
  )("%p is refused with the accepted form and the cores there are", (text) => {
    expect(parseCpuList(text, online)).toBe("expected cores such as 0-3 or 0,2; this host has 0-3");
  });

  test("a core that the host lacks is named", () => {
    expect(parseCpuList("0-99", [0, 1])).toBe("no core 2-99; this host has 0-1");
    expect(parseCpuList("2", [0, 1, 3])).toBe("no core 2; this host has 0-1,3");
  });

  test("cores are printed as the kernel prints them, and read back", () => {
    expect(formatCpuList([0, 1, 2, 5, 7, 8])).toBe("0-2,5,7-8");
    expect(formatCpuList([])).toBe("");
    expect(parseCpuRanges("0-2,5,7-8")).toEqual([0, 1, 2, 5, 7, 8]);
  });
});
