import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { StartError, UsageError } from "../../../src/errors.ts";
import { newJobId } from "../../../src/state/ids.ts";
import { findJob, listJobs, readRecord } from "../../../src/state/list.ts";
import { getHome, getJobPaths } from "../../../src/state/paths.ts";
import { encodeRecord } from "../../../src/state/record-json.ts";
import { removeJob, removeStaleDirectories } from "../../../src/state/remove.ts";
import {
  beginLastRecord,
  createJob,
  isSupervisorAlive,
  openJob,
  writeRecord,
} from "../../../src/state/store.ts";
import { makeRecord, useTemporaryHome } from "../../support/state.ts";

const home = useTemporaryHome();

/** A job without a supervisor. */
function makeJob(changes: Parameters<typeof makeRecord>[0] = {}): string {
  const record = makeRecord(changes);
  createJob(record, { durable: false }).close();
  return record.uuid;
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o7777).toString(8);
}

describe("making a job", () => {
  test("the record is there, and the job is locked until its handle is closed", () => {
    const record = makeRecord();
    const job = createJob(record, { durable: true });
    expect(readRecord(record.uuid)).toEqual(record);
    expect(isSupervisorAlive(record.uuid)).toBe(true);
    expect(openJob(record.uuid)).toBeUndefined();
    expect(removeJob(record.uuid)).toBe("running");
    job.close();
    expect(isSupervisorAlive(record.uuid)).toBe(false);
  });

  test("nobody else can read anything, whatever the umask", () => {
    for (const umask of [0o000, 0o777]) {
      const before = process.umask(umask);
      try {
        using job = createJob(makeRecord(), { durable: false });
        writeRecord(job, makeRecord({ uuid: job.id, status: "RUNNING" }));
        expect(modeOf(join(home(), "jobs"))).toBe("700");
        expect(modeOf(job.paths.directory)).toBe("700");
        expect(modeOf(job.paths.record)).toBe("600");
      } finally {
        process.umask(before);
      }
    }
  });

  test("the home is made where it is missing, and only by what makes a job", () => {
    process.env["RNX_HOME"] = join(home(), "a", "b");
    expect(listJobs()).toEqual([]);
    removeStaleDirectories();
    expect(existsSync(join(home(), "a"))).toBe(false);
    makeJob();
    expect(modeOf(getHome())).toBe("700");
    expect(listJobs()).toHaveLength(1);
  });

  test("twice the same id: refused, the first job unharmed, nothing left over", () => {
    const record = makeRecord();
    using _ = createJob(record, { durable: false });
    expect(() => createJob(record, { durable: false })).toThrow(StartError);
    expect(readdirSync(join(home(), "jobs"))).toEqual([record.uuid]);
    expect(readRecord(record.uuid)).toEqual(record);
  });

  test("a home that cannot be trusted is refused with the mend", () => {
    chmodSync(home(), 0o777);
    expect(() => makeJob()).toThrow(`${home()} can be changed by others than root`);
    expect(() => listJobs()).toThrow(`${home()} can be changed by others than root`);
    chmodSync(home(), 0o755);
    mkdirSync(join(home(), "jobs"), { mode: 0o755 });
    chmodSync(join(home(), "jobs"), 0o775);
    expect(() => makeJob()).toThrow("/jobs can be changed by others than root");
  });

  test("RNX_HOME that is a file, relative or empty is refused", () => {
    process.env["RNX_HOME"] = "/dev/null";
    expect(() => makeJob()).toThrow("/dev/null is not a directory");
    expect(() => listJobs()).toThrow("/dev/null is not a directory");
    for (const path of ["", "relative/home", "./x"]) {
      process.env["RNX_HOME"] = path;
      expect(() => listJobs()).toThrow(UsageError);
    }
  });
});

describe("writing a record", () => {
  test("replaces it whole and leaves nothing beside it once the job has ended", async () => {
    const record = makeRecord();
    using job = createJob(record, { durable: false });
    writeRecord(job, { ...record, status: "RUNNING" });
    expect(readRecord(job.id).status).toBe("RUNNING");
    const last = beginLastRecord(job, { ...record, status: "COMPLETED" });
    expect(readRecord(job.id).status).toBe("RUNNING");
    await last.commit();
    expect(readRecord(job.id).status).toBe("COMPLETED");
    expect(readdirSync(job.paths.directory)).toEqual(["job.json"]);
  });

  test("a record of a newer schema is never rewritten", () => {
    using job = createJob(makeRecord(), { durable: false });
    const newer = makeRecord({ uuid: job.id, schema: 99 });
    writeFileSync(job.paths.record, encodeRecord(newer));
    expect(() => writeRecord(job, readRecord(job.id))).toThrow("newer rnx");
    expect(() => beginLastRecord(job, readRecord(job.id))).toThrow("newer rnx");
    expect(readRecord(job.id)).toEqual(newer);
  });

  test("what a killed writer left half written does not matter", async () => {
    const id = makeJob();
    using job = openJob(id);
    if (job === undefined) throw new Error("not opened");
    writeFileSync(join(job.paths.directory, ".job.json.next"), "x".repeat(100_000));
    await beginLastRecord(job, makeRecord({ uuid: id, status: "FAILED" })).commit();
    expect(readRecord(id).status).toBe("FAILED");
    expect(readdirSync(job.paths.directory)).toEqual(["job.json"]);
  });
});

describe("listing", () => {
  test("the newest comes first", () => {
    const times = ["2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z", "2026-01-01T00:00:00.000Z"];
    for (const createdTime of times) makeJob({ createdTime });
    expect(listJobs().map((entry) => entry.record?.createdTime)).toEqual(times.toSorted().toReversed());
  });

  test("what is no job is not listed", () => {
    makeJob();
    mkdirSync(join(home(), "jobs", "lost+found"));
    mkdirSync(join(home(), "jobs", `.new-${newJobId()}`));
    writeFileSync(join(home(), "jobs", "README"), "x");
    expect(listJobs()).toHaveLength(1);
  });

  test("each record that is damaged is named, and the others are listed", () => {
    const whole = makeJob();
    const damages: readonly [(path: string) => void, RegExp][] = [
      [(path) => truncateSync(path, 0), /empty/],
      [(path) => truncateSync(path, 100), /not JSON/],
      [(path) => writeFileSync(path, crypto.getRandomValues(new Uint8Array(4096))), /not JSON/],
      [(path) => writeFileSync(path, "{}"), /cannot be understood/],
      [(path) => truncateSync(path, 2 ** 30), /is larger than 40MB/],
      [(path) => (rmSync(path), mkdirSync(path)), /is not a regular file/],
      [(path) => (rmSync(path), Bun.spawnSync(["mkfifo", path])), /is not a regular file/],
      [(path) => (rmSync(path), symlinkSync("/dev/zero", path)), /is not a regular file/],
      [(path) => rmSync(path), /the record is missing/],
      [(path) => writeFileSync(path, '{"schema":99}'), /schema 99/],
      [(path) => writeFileSync(path, readFileSync(getJobPaths(whole).record)), /is that of job/],
    ];
    const problems = new Map<string, RegExp>();
    for (const [damage, problem] of damages) {
      const id = makeJob();
      damage(getJobPaths(id).record);
      problems.set(id, problem);
    }
    const file = newJobId();
    writeFileSync(join(home(), "jobs", file), "");
    problems.set(file, /ENOTDIR/);

    const started = performance.now();
    const entries = listJobs();
    expect(performance.now() - started).toBeLessThan(1000);
    expect(entries.map((entry) => entry.id).toSorted()).toEqual([whole, ...problems.keys()].toSorted());
    expect(entries[0]?.id).toBe(whole);
    for (const entry of entries.slice(1)) {
      expect(entry.problem).toMatch(problems.get(entry.id)!);
      expect(() => readRecord(entry.id)).toThrow("cannot be read");
    }
    for (const entry of entries) expect(removeJob(entry.id)).toBe("removed");
    expect(readdirSync(join(home(), "jobs"))).toEqual([]);
  });

  test("a job that is not there is undefined, or an error where one is needed", () => {
    expect(findJob(newJobId())).toBeUndefined();
    expect(() => readRecord(newJobId())).toThrow("job not found");
    expect(() => findJob("../../../etc/passwd")).toThrow(TypeError);
  });
});

describe("removing", () => {
  test("takes away what a job may have left, and follows no link", () => {
    const id = makeJob();
    const { directory } = getJobPaths(id);
    const outside = join(home(), "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "kept"), "x");
    symlinkSync(outside, join(directory, "link"));
    symlinkSync("/nowhere", join(directory, "dangling"));
    mkdirSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.of(0xff, 0xfe)]));
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/\n `), Buffer.of(0x80)]), "x");
    mkdirSync(join(directory, "locked"), { mode: 0 });
    expect(removeJob(id)).toBe("removed");
    expect(readdirSync(outside)).toEqual(["kept"]);
    expect(removeJob(id)).toBe("absent");
    expect(readdirSync(join(home(), "jobs"))).toEqual([]);
  });

  test("a tree far deeper than a path may be long goes in linear time", () => {
    const id = makeJob();
    const { directory } = getJobPaths(id);
    // Built from the inside out: each level is put into the next one.
    const inner = join(directory, "inner");
    const outer = join(directory, "outer");
    mkdirSync(inner);
    for (let level = 0; level < 2000; level++) {
      mkdirSync(outer);
      renameSync(inner, join(outer, "a-long-name-of-a-directory"));
      renameSync(outer, inner);
    }
    expect(removeJob(id)).toBe("removed");
    expect(existsSync(directory)).toBe(false);
  }, 20_000);

  test("what a killed rnx left goes, what one is working on stays", () => {
    const left = [`.new-${newJobId()}`, `.gone-${newJobId()}`];
    using job = createJob(makeRecord(), { durable: false });
    for (const name of left) {
      mkdirSync(join(home(), "jobs", name));
      writeFileSync(join(home(), "jobs", name, "job.json"), "half");
    }
    const inWork = join(home(), "jobs", `.new-${job.id}`);
    renameSync(job.paths.directory, inWork);
    expect(removeStaleDirectories()).toEqual([]);
    expect(readdirSync(join(home(), "jobs"))).toEqual([`.new-${job.id}`]);
  });
});
