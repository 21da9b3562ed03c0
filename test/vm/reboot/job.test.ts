import { expect } from "bun:test";
import { IS_IN_VM, requires } from "../../support/requires.ts";
import { runRnx } from "../../support/rnx.ts";

const afterReboot = requires(IS_IN_VM, "needs a machine that was rebooted under a running job");

afterReboot("a job that ran when the machine was rebooted has failed, and says why", async () => {
  const { code, stdout } = await runRnx("/opt/joblet", ["--json", "job", "list", "--name", "before-reboot"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual([
    expect.objectContaining({ status: "FAILED", reason: "reboot", exit_code: null, supervisor: null }),
  ]);
});
