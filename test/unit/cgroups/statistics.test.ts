import { expect, test } from "bun:test";
import { findKeyed } from "../../../src/cgroups/files.ts";
import { parseBlkioBytes, parseIoStat } from "../../../src/cgroups/statistics.ts";

test("io.stat is summed over the disks; discarded bytes are not written ones", () => {
  const text = [
    "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=99 dios=1",
    "7:0 rbytes=100 wbytes=0 rios=1 wios=0 dbytes=0 dios=0",
    "",
  ].join("\n");
  expect(parseIoStat(text)).toEqual({ readBytes: 4196, writeBytes: 8192 });
  expect(parseIoStat("")).toEqual({ readBytes: 0, writeBytes: 0 });
  expect(parseIoStat("254:0 ")).toEqual({ readBytes: 0, writeBytes: 0 });
});

test("a blkio file is summed over the disks, its totals left out", () => {
  const text = ["254:0 Read 4096", "254:0 Write 10", "254:0 Sync 4106", "254:0 Async 0", "254:0 Total 4106"];
  const other = ["7:0 Read 1", "7:0 Write 2", "7:0 Total 3", "Total 4109"];
  expect(parseBlkioBytes([...text, ...other].join("\n"))).toEqual({ readBytes: 4097, writeBytes: 12 });
  expect(parseBlkioBytes("Total 0")).toEqual({ readBytes: 0, writeBytes: 0 });
});

test("a key is found by its whole name", () => {
  const text = "low 1\noom 2\noom_kill 3\noom_group_kill 4";
  expect(findKeyed(text, "oom_kill")).toBe(3);
  expect(findKeyed(text, "oom")).toBe(2);
  expect(findKeyed(text, "max")).toBeUndefined();
  expect(findKeyed(undefined, "max")).toBeUndefined();
});
