import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { totalsOfFiles } from "../../support/testfile.ts";
import { describeRun, parseTotals } from "../../support/totals.ts";

const directory = mkdtempSync(join(tmpdir(), "rnx-testfile-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** The sum of a test file with this text, its failures without the directory. */
async function totalsOf(text: string) {
  const file = join(directory, "a.test.ts");
  writeFileSync(file, `import { afterAll, test } from "bun:test";\n${text}`);
  const { failures, ...sum } = await totalsOfFiles([file], "ignore");
  return { ...sum, failures: failures.map((failure) => failure.replace(`${directory}/`, "")) };
}

test("passed, failed and skipped tests are counted, failed ones named", async () => {
  const text = `
    test("good", () => {});
    test("bad <\\"&'>", () => { throw new Error("<skipped />"); });
    test.skip("left out", () => {});
    test.todo("to come");`;
  expect(await totalsOf(text)).toEqual({
    passed: 1,
    failed: 1,
    skipped: 2,
    failures: [`a.test.ts: bad <"&'>`],
  });
});

test.each([
  ["does not load", `test("good", () => {}); throw new Error("no");`],
  ["has no tests", ""],
  ["calls process.exit", `test("good", () => process.exit(0));`],
  ["fails after its tests", `test("good", () => {}); afterAll(() => { throw new Error("no"); });`],
  ["is killed", `test("good", () => process.kill(process.pid, "SIGKILL"));`],
])("a test file that %s is a failure", async (_, text) => {
  expect((await totalsOf(text)).failed).toBe(1);
});

test("a run's last lines hold its totals, wherever they stand in an output", () => {
  const totals = { passed: 1, failed: 2, skipped: 3, failures: ["x.test.ts: one", "y.test.ts: two"] };
  const output = `noise\n${describeRun(totals)}\nnoise\n${describeRun({ ...totals, failures: [] })}\n`;
  expect(parseTotals(output)).toEqual([totals, { ...totals, failures: [] }]);
});
