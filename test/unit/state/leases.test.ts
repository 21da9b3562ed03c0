import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StartError } from "../../../src/errors.ts";
import { parseHostIds } from "../../../src/state/host-ids.ts";
import { IDS_PER_RANGE, leaseIdRange, removeStaleLeases } from "../../../src/state/leases.ts";

const RANGES = { first: 524_288, count: 3 };
const ALL = [0, 1, 2].map((i) => RANGES.first + i * IDS_PER_RANGE);

let parent = "";
let directory = "";
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "rnx-ids-"));
  directory = join(parent, "ids");
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

/** A directory that looks like a cgroup v2 one. */
function makeCgroup(name: string, isPopulated: boolean): string {
  const path = join(parent, name);
  mkdirSync(path);
  writeFileSync(join(path, "cgroup.events"), `populated ${isPopulated ? 1 : 0}\nfrozen 0\n`);
  return path;
}

describe("leasing ids", () => {
  test("each lease is a range of its own; when none is left an error says so; a released one is free again", () => {
    const leases = ALL.map(() => leaseIdRange(RANGES, directory, []));
    expect(leases.map((lease) => lease.first).toSorted()).toEqual(ALL);
    expect(() => leaseIdRange(RANGES, directory, [])).toThrow(StartError);
    expect(() => leaseIdRange(RANGES, directory, [])).toThrow(
      "no user ids are left: all 3 ranges from 524288 on",
    );
    leases[1]!.release();
    leases[1]!.release();
    using again = leaseIdRange(RANGES, directory, []);
    expect(again.first).toBe(leases[1]!.first);
    leases[0]!.release();
    leases[2]!.release();
    expect(readdirSync(directory)).toEqual([`${again.first / IDS_PER_RANGE}`]);
  });

  test("only root can look", () => {
    using _ = leaseIdRange(RANGES, directory, []);
    expect((statSync(directory).mode & 0o777).toString(8)).toBe("700");
  });

  test("ranges that hold ids of the host are left out", () => {
    const hostIds = [
      ...parseHostIds("/etc/subuid", `a:${ALL[0]! + 65_535}:1\n`),
      ...parseHostIds("/etc/passwd", `b:x:${ALL[2]!}:100:,,,:/:/bin/sh\n`),
      ...parseHostIds("/etc/group", `c:x:${ALL[2]! + 65_536}:\n`),
    ];
    using lease = leaseIdRange(RANGES, directory, hostIds);
    expect(lease.first).toBe(ALL[1]!);
    expect(() => leaseIdRange(RANGES, directory, hostIds)).toThrow("no user ids are left");
  });

  test("the range of a killed supervisor is not given away as long as a process is left in the cgroup", () => {
    const ranges = { ...RANGES, count: 1 };
    const cgroup = makeCgroup("job", true);
    // What a killed supervisor leaves: the file, its lock gone.
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, "8"), cgroup);
    expect(() => leaseIdRange(ranges, directory, [])).toThrow("no user ids are left");
    removeStaleLeases(directory);
    expect(existsSync(join(directory, "8"))).toBe(true);

    writeFileSync(join(cgroup, "cgroup.events"), "populated 0\nfrozen 0\n");
    using lease = leaseIdRange(ranges, directory, []);
    expect(lease.first).toBe(RANGES.first);
    lease.assign("/x");
    expect(readFileSync(join(directory, "8"), "utf8")).toBe("/x");
  });

  test("leases of killed supervisors are cleared away, those in use are not", () => {
    removeStaleLeases(directory);
    using lease = leaseIdRange(RANGES, directory, []);
    lease.assign(makeCgroup("live", true));
    const stale = ALL.find((first) => first !== lease.first)! / IDS_PER_RANGE;
    writeFileSync(join(directory, `${stale}`), join(parent, "gone"));
    removeStaleLeases(directory);
    expect(readdirSync(directory)).toEqual([`${lease.first / IDS_PER_RANGE}`]);
  });

  test("processes that lease at once get different ranges", async () => {
    const module = JSON.stringify(join(import.meta.dir, "../../../src/state/leases.ts"));
    const script = `
      import { leaseIdRange, removeStaleLeases } from ${module};
      const directory = ${JSON.stringify(directory)};
      for (let i = 0; i < 200; i++) {
        const lease = leaseIdRange({ first: 524288, count: 8 }, directory, []);
        const mark = directory + "/../mark-" + lease.first;
        require("node:fs").mkdirSync(mark);
        removeStaleLeases(directory);
        require("node:fs").rmdirSync(mark);
        lease.release();
      }
      console.log("done");
    `;
    const processes = Array.from({ length: 4 }, () =>
      Bun.spawn([process.execPath, "-e", script], { stderr: "pipe" }),
    );
    for (const process of processes) {
      expect(await new Response(process.stdout).text()).toBe("done\n");
      expect(await new Response(process.stderr).text()).toBe("");
    }
    expect(readdirSync(directory)).toEqual([]);
  }, 20_000);
});

test("lines of passwd and subuid that cannot be read are left out", () => {
  expect(parseHostIds("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n\n# x\nbad:x:y:0\n+\n")).toEqual([
    { path: "/etc/passwd", name: "root", first: 0, last: 0 },
  ]);
  expect(parseHostIds("/etc/subuid", "a:100000:65536\nb:1\nc:5:0\nd:-1:3\n")).toEqual([
    { path: "/etc/subuid", name: "a", first: 100_000, last: 165_535 },
  ]);
});
