import { expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { IS_IN_VM, requires } from "../../support/requires.ts";
import { runRnx } from "../../support/rnx.ts";

const afterReboot = requires(IS_IN_VM, "needs a machine that was rebooted under a running job");
const HOME = "/opt/joblet";

interface Job {
  readonly uuid: string;
  readonly supervisor: { readonly boot_id: string };
}

afterReboot(
  "D03: a job that ran when the machine was rebooted is FAILED, reason reboot, and holds nothing",
  async () => {
    const { code, stdout } = await runRnx(HOME, ["--json", "job", "list", "--name", "before-reboot"]);
    expect(code).toBe(0);
    const jobs = JSON.parse(stdout) as Job[];
    expect(jobs).toEqual([
      expect.objectContaining({
        status: "FAILED",
        reason: "reboot",
        exit_code: null,
        message: "the host was restarted while the job ran",
        end_time: expect.any(String),
      }),
    ]);
    const [job] = jobs;
    if (job === undefined) throw new Error("no job");
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    expect(job.supervisor.boot_id).not.toBe(bootId);
    expect(readdirSync(join(HOME, "jobs")).sort()).toEqual([job.uuid]);
    expect(readdirSync(join(HOME, "jobs", job.uuid)).sort()).toEqual(["job.json", "log"]);
  },
);
