/**
 * Checks that a test has left nothing behind. What is looked at, each thing as one line that names it:
 *
 *   kept      mounts, network interfaces, files of /etc, the program itself: the same before and after
 *   leavings  cgroups, processes in them, leases of ids: none that was not there before
 *   of a home supervisors and other processes, unfinished records, half-made or half-removed directories: none
 *
 * What belongs to a living supervisor of another RNX_HOME is left out, and so is what is seen once but not again.
 * RNX_TEST_SHARED_HOST=1 says that others kill jobs, mount and build on this host meanwhile: then only what names this
 * home or a job of it counts.
 */
import { afterAll, afterEach, beforeEach, expect } from "bun:test";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Canary } from "./canary.ts";
import { findForeignJobs, type Process, readProcesses } from "./processes.ts";
import { RNX } from "./rnx.ts";
import { patient } from "./slowness.ts";

/** The host at one moment, as lines. */
export interface HostSnapshot {
  readonly kept: ReadonlySet<string>;
  readonly leavings: ReadonlySet<string>;
}

/**
 * Guards the host for a whole test file; call it at the file's top level. After each test nothing may be left of the
 * jobs of this RNX_HOME, and the host must be as it was. Returns the canary that no job may reach.
 */
export function guardHost(home: string): Canary {
  const canary = new Canary();
  let before: HostSnapshot;
  beforeEach(() => {
    before = snapshotHost();
  });
  afterEach(async () => {
    await expectClean(before, home);
    expect(canary.findHarm()).toEqual([]);
  });
  afterAll(() => canary[Symbol.dispose]());
  return canary;
}

/** Reads what a test must leave as it is. */
export function snapshotHost(): HostSnapshot {
  return snapshotWith(readProcesses());
}

function snapshotWith(processes: readonly Process[]): HostSnapshot {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").trim().split("\n");
  return {
    kept: new Set([
      ...mounts.map((line) => `mount ${line}`),
      ...readdirSync("/sys/class/net").map((name) => `network interface ${name}`),
      ...[RNX, ...listTree("/etc")].map(describeFile),
    ]),
    leavings: new Set([
      ...listCgroups(mounts),
      ...listLeases(),
      ...processes.filter(({ jobId }) => jobId !== undefined).map(describeProcess),
    ]),
  };
}

/** Whether others work on this host while the tests run. */
export const SHARES_HOST = process.env["RNX_TEST_SHARED_HOST"] === "1";

/** How long the kernel may take to end what was killed. */
const PATIENCE_MS = Math.min(patient(3000), 15_000);
const PAUSE_MS = 50;

/** Fails, naming each, when the jobs of `home` have left something since the snapshot or changed the host. */
export async function expectClean(before: HostSnapshot, home: string): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  let found = findChanges(before, home);
  while (found.length > 0 && performance.now() < end) {
    await Bun.sleep(PAUSE_MS);
    const again = new Set(findChanges(before, home));
    found = found.filter((line) => again.has(line));
  }
  expect(found).toEqual([]);
}

function findChanges(before: HostSnapshot, home: string): readonly string[] {
  const processes = readProcesses();
  const now = snapshotWith(processes);
  const foreign = [...findForeignJobs(processes, home)];
  const own = listNames(join(home, "jobs")).map((name) => name.replace(/^\.\w+-/, ""));
  const names = (line: string, parts: readonly string[]) => parts.some((part) => line.includes(part));
  const isOurs = (line: string) => (SHARES_HOST ? names(line, [home, ...own]) : !names(line, foreign));
  const subtract = (all: ReadonlySet<string>, known: ReadonlySet<string>) =>
    [...all.difference(known)].filter(isOurs);
  return [
    ...subtract(now.kept, before.kept).map((line) => `new: ${line}`),
    ...subtract(before.kept, now.kept).map((line) => `gone: ${line}`),
    ...subtract(now.leavings, before.leavings).map((line) => `left: ${line}`),
    ...processes
      .filter((process) => isIn(home, process))
      .map((process) => `left: ${describeProcess(process)}`),
    ...findUnfinished(join(home, "jobs")).map((line) => `left: ${line}`),
  ];
}

function isIn(home: string, process: Process): boolean {
  return process.home === home || process.places.some((path) => `${path}/`.startsWith(`${home}/`));
}

function describeProcess({ pid, command, jobId }: Process): string {
  return `process ${pid}${jobId === undefined ? "" : ` of job ${jobId}`}: ${command}`;
}

/** The groups of jobs in every hierarchy. */
function listCgroups(mounts: readonly string[]): string[] {
  return mounts
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => join(line.split(" ")[4] ?? "", "joblet"))
    .flatMap((tree) => listNames(tree, "directories").map((name) => `cgroup ${join(tree, name)}`));
}

const LEASES = "/run/rnx/ids";

/** With the cgroup that each names: it is known by that whose lease it is. */
function listLeases(): string[] {
  return listNames(LEASES).map((name) => `lease ${name} of ${readText(join(LEASES, name)) || "nobody"}`);
}

const KEPT_OF_A_JOB: readonly string[] = ["job.json", "log"];
const FINAL: readonly unknown[] = ["COMPLETED", "FAILED", "STOPPED", "CANCELED", "SCHEDULED"];

/** What is more than record and log of an ended job, and records that are not final. */
function findUnfinished(jobs: string): string[] {
  return listNames(jobs).flatMap((id) => {
    const directory = join(jobs, id);
    if (id.startsWith(".")) return [directory];
    const files = listNames(directory).filter((name) => !KEPT_OF_A_JOB.includes(name));
    const status = readStatus(join(directory, "job.json"));
    return [
      ...files.map((name) => join(directory, name)),
      ...(FINAL.includes(status) ? [] : [`record of job ${id}: ${status}`]),
    ];
  });
}

function readStatus(path: string): unknown {
  try {
    return JSON.parse(readText(path) ?? "").status;
  } catch {
    return "cannot be read";
  }
}

function listTree(directory: string): string[] {
  return listNames(directory, "recursive").map((name) => join(directory, name));
}

/** A file by what every change of it changes. */
function describeFile(path: string): string {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined ? path : `${path} ${stat.ino} ${stat.size} ${stat.ctimeMs}`;
}

function listNames(directory: string, kind?: "directories" | "recursive"): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true, recursive: kind === "recursive" });
    return entries
      .filter((entry) => kind !== "directories" || entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
  } catch {
    return [];
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
