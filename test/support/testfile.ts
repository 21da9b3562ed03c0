import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { patient } from "./slowness.ts";
import { addTotals, NOTHING, type Totals, totalsOfOne } from "./totals.ts";

/** What a test gets that sets no limit of its own, and what a whole file gets. */
const TEST_LIMIT_MS = patient(30_000);
const FILE_LIMIT_MS = Math.min(patient(300_000), 1_200_000);

type Output = "inherit" | "ignore";

/** Runs test files one after the other, their output shown, and adds up their tests. */
export async function totalsOfFiles(files: readonly string[], output: Output = "inherit"): Promise<Totals> {
  let sum = NOTHING;
  for (const file of files) sum = addTotals(sum, await runTestFile(file, output));
  return sum;
}

/**
 * Runs one test file in a process of its own and counts its tests.
 * The count comes from bun's JUnit report; Bun 1.4.5 writes none when a file fails to load, has no test or
 * calls process.exit (with code 0): each of these is one failure here.
 */
async function runTestFile(file: string, output: Output): Promise<Totals> {
  const directory = mkdtempSync(join(tmpdir(), "rnx-report-"));
  const report = join(directory, "junit.xml");
  try {
    const child = Bun.spawn(
      [
        process.execPath,
        "test",
        `--timeout=${TEST_LIMIT_MS}`,
        "--reporter=junit",
        `--reporter-outfile=${report}`,
        resolve(file),
      ],
      {
        stdin: "ignore",
        stdout: output,
        stderr: output,
        timeout: FILE_LIMIT_MS,
        killSignal: "SIGKILL",
      },
    );
    const code = await child.exited;
    if (child.signalCode !== null) return totalsOfOne(`${file}: ended by ${child.signalCode}`, false);
    return totalsOfReport(file, code, readReport(report));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readReport(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function totalsOfReport(file: string, code: number, report: string | undefined): Totals {
  if (report === undefined) {
    return totalsOfOne(`${file}: no test ran to its end (exit code ${code})`, false);
  }
  const totals = addTotals(...parseReport(file, report));
  if (code !== 0 && totals.failed === 0) {
    return addTotals(totals, totalsOfOne(`${file}: exit code ${code}`, false));
  }
  return totals;
}

const TEST_CASE = /<testcase((?:[^">]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/** One Totals for each test of a JUnit report. */
function parseReport(file: string, report: string): Totals[] {
  return [...report.matchAll(TEST_CASE)].map(([, attributes = "", body = ""]) => {
    if (body.includes("<skipped")) return { passed: 0, failed: 0, skipped: 1, failures: [] };
    const title = / name="([^"]*)"/.exec(attributes)?.[1] ?? "?";
    return totalsOfOne(`${file}: ${unescape(title)}`, !/<(failure|error)\b/.test(body));
  });
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescape(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}
