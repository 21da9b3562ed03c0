import { expect, test } from "bun:test";
import { judgeController } from "../../../src/host/cgroup-checks.ts";
import { runChecks } from "../../../src/host/doctor.ts";
import { isWithin, parseHostIds } from "../../../src/state/host-ids.ts";
import { HYBRID, UNIFIED } from "../cgroups/hosts.ts";

test("a controller is told with its place and what its limits leave out", () => {
  const judge = (controller: "io" | "memory", host = HYBRID) => judgeController(controller, host, () => true);
  expect(judge("memory", UNIFIED)).toEqual({ state: "ok", detail: "cgroup v2 at /sys/fs/cgroup" });
  expect(judge("memory").state).toBe("ok");
  expect(judge("io").detail).toBe("cgroup v1 at /sys/fs/cgroup/blkio: buffered writes are not limited");
});

test("a controller that is nowhere, or cannot be written, comes with its mend", () => {
  const host = { ...HYBRID, controllers: { ...HYBRID.controllers, pids: undefined } };
  expect(judgeController("pids", host, () => true).mend).toContain("mount -t cgroup -o pids");
  expect(judgeController("cpu", HYBRID, () => false)).toEqual({
    state: "failed",
    detail: "cgroup v1 at /sys/fs/cgroup/cpu is read-only",
    mend: "mount -o remount,rw /sys/fs/cgroup/cpu",
  });
});

test("ids of others are found in subuid and passwd texts, at both ends of the range", () => {
  const within = (path: string, text: string) =>
    parseHostIds(path, text)
      .filter((ids) => isWithin(ids, 524_288, 589_824))
      .map(({ name }) => name);
  const subuid = "ann:458752:65536\nbob:524287:1\ncid:524287:2\ndan:589823:1\neve:589824:65536\n\nbroken\n";
  expect(within("/etc/subuid", subuid)).toEqual(["cid", "dan"]);
  const passwd = "root:x:0:0::/root:/bin/sh\nfred:x:524288:1::/:/bin/sh\ngil:x:589824:1::/:/bin/sh\n";
  expect(within("/etc/passwd", passwd)).toEqual(["fred"]);
});

test("every finding that is not ok says what to do", () => {
  const results = runChecks({
    home: "/",
    disk: { percent: 100, maxBytes: Number.MAX_SAFE_INTEGER },
    ids: { first: 0, count: 1 },
  });
  expect(results.filter((result) => result.state !== "ok" && !result.mend)).toEqual([]);
  expect(results.find((result) => result.name === "disk")?.state).toBe("failed");
  expect(results.find((result) => result.name === "user ids")?.detail).toContain("root");
  expect(new Set(results.map((result) => result.name)).size).toBe(results.length);
});
