import { afterAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Canary } from "../support/canary.ts";
import { expectClean, SHARES_HOST, snapshotHost } from "../support/clean.ts";
import { requires } from "../support/requires.ts";
import { makeHome } from "../support/rnx.ts";
import { patient } from "../support/slowness.ts";

/** The check that every other file relies on: that it does see what a job may leave. */
const home = makeHome();
afterAll(() => home.remove());

const ID = "00000000-0000-4000-8000-00000000dead";

test("nothing is found where nothing was left", async () => {
  await expectClean(snapshotHost(), home.path);
});

requires(!SHARES_HOST, "others work on this host")(
  "each kind of leaving is found, and named",
  async () => {
    const before = snapshotHost();
    const job = join(home.path, "jobs", ID);
    const half = join(home.path, "jobs", `.new-${ID}`);
    for (const directory of [job, half, join(job, "work")]) mkdirSync(directory, { recursive: true });
    writeFileSync(join(job, "job.json"), '{"status": "RUNNING"}');
    const cgroup = join(findCgroupMount(), "joblet", ID);
    mkdirSync(cgroup, { recursive: true });
    mkdirSync("/run/rnx/ids", { recursive: true, mode: 0o700 });
    writeFileSync("/run/rnx/ids/99999999", cgroup);
    writeFileSync("/etc/rnx-test-left", "");
    const sleeper = Bun.spawn(["sleep", "100"], { cwd: job });
    try {
      const error: unknown = await expectClean(before, home.path).catch((error: unknown) => error);
      const message = Bun.stripANSI(String(error));
      for (const line of [
        `cgroup ${cgroup}`,
        `lease 99999999 of ${cgroup}`,
        `new: /etc/rnx-test-left`,
        `process ${sleeper.pid}: sleep 100`,
        `${half}"`,
        join(job, "work"),
        `record of job ${ID}: RUNNING`,
      ]) {
        expect(message).toContain(line);
      }
    } finally {
      sleeper.kill("SIGKILL");
      rmdirSync(cgroup);
      for (const path of ["/run/rnx/ids/99999999", "/etc/rnx-test-left", job, half]) {
        rmSync(path, { recursive: true });
      }
    }
  },
  patient(30_000),
);

test("a canary tells what was done to it", async () => {
  using canary = new Canary();
  expect(canary.findHarm()).toEqual([]);
  expect(readFileSync(canary.file, "utf8")).toBe(canary.text);
  writeFileSync(canary.file, "x");
  process.kill(canary.pid, "SIGKILL");
  const connections = canary.ports.map((port) =>
    Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } }),
  );
  for (const connection of await Promise.all(connections)) connection.end();
  await Bun.sleep(100);
  const harm = canary.findHarm().join("\n");
  expect(harm).toContain("has been changed");
  expect(harm).toContain("has been killed");
  expect(harm).toContain("were reached 2 times");
});

function findCgroupMount(): string {
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((mount) => mount.includes(" - cgroup2 "));
  return line?.split(" ")[4] ?? "";
}
