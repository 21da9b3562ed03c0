import { afterAll, expect, test } from "bun:test";
import { makeHome, runRnx } from "../support/rnx.ts";

const home = makeHome();
afterAll(() => home.remove());

test("doctor tells the state of each thing a job needs, and how to mend it", async () => {
  const { code, stdout } = await runRnx(home.path, ["doctor", "--json"]);
  const results: { name: string; state: string; detail: string; mend?: string }[] = JSON.parse(stdout);
  const names = results.map(({ name }) => name);
  for (const name of ["kernel", "user namespaces", "cgroups", "disk"]) expect(names).toContain(name);
  for (const { state, detail, mend } of results) {
    expect(["ok", "warning", "failed"]).toContain(state);
    expect(detail).not.toBe("");
    if (state !== "ok") expect(mend).toBeString();
  }
  expect(code).toBe(results.some(({ state }) => state === "failed") ? 1 : 0);
});

test("doctor has a line for a person for each", async () => {
  const { stdout, stderr } = await runRnx(home.path, ["doctor"]);
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^ok +kernel: /m);
  expect(stdout).not.toContain("\x1b");
});
