import { afterAll, describe, expect, test } from "bun:test";
import { stable } from "../support/filters.ts";
import { makeHome, runRnx, runShell } from "../support/rnx.ts";

const home = makeHome();
afterAll(() => home.remove());
const rnx = (...args: string[]) => runRnx(home.path, args);

describe("help", () => {
  test.each([[[]], [["--help"]], [["help"]], [["-h"]], [["--json", "--help"]]])(
    "rnx %j explains the program on stdout with code 0 and an example",
    async (args) => {
      const { code, stdout, stderr } = await rnx(...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toStartWith("Runs commands as jobs");
      expect(stdout).toContain("rnx job run echo hello");
    },
  );

  test.each([
    ["job", "--help"],
    ["help", "job"],
  ])("rnx %s %s explains the noun with an example", async (first, second) => {
    const { code, stdout } = await rnx(first, second);
    expect(code).toBe(0);
    expect(stdout).toContain("rnx job run");
    expect(stdout).toContain("Example:");
  });

  test("help on a command shows each flag and at least one example, wherever --help stands", async () => {
    const { code, stdout } = await rnx("job", "run", "--max-memory=5", "--help");
    expect(code).toBe(0);
    expect(stdout).toContain("rnx job run [flags] COMMAND [ARGS...]");
    expect(stdout).toContain("--max-memory MB");
    expect(stdout).toContain("Examples:");
    expect(await rnx("--help", "job", "run")).toEqual({ code, stdout, stderr: "" });
    expect((await rnx("help", "job", "run")).stdout.length).toBeGreaterThan(500);
  });

  test("--help after the job's command is the command's", async () => {
    const { stdout } = await rnx("job", "run", "--explain", "ls", "--help");
    expect(stdout).not.toContain("Usage:");
  });

  test.each([["constructor"], ["job toString"], ["bogus"]])("help %s: no such command", async (words) => {
    const { code, stderr } = await rnx("help", ...words.split(" "));
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `Error: unknown command "${words}"; see rnx --help\n`,
    });
  });

  test("help needs no root", async () => {
    const { code, stdout } = await runShell(home.path, "setpriv --reuid=65534 --clear-groups $RNX help");
    expect(code).toBe(0);
    expect(stdout).toContain("Commands:");
  });
});

describe("version", () => {
  test.each([["version"], ["--version"]])("rnx %s prints one line", async (word) => {
    const result = await rnx(word);
    expect({ ...result, stdout: stable(result.stdout) }).toEqual({
      code: 0,
      stdout: `rnx <version> (${process.arch})\n`,
      stderr: "",
    });
  });

  test("--json stands before or after the command", async () => {
    const { stdout } = await rnx("--json", "version");
    expect(JSON.parse(stdout)).toEqual({ version: expect.any(String), architecture: process.arch });
    expect((await rnx("version", "--json")).stdout).toBe(stdout);
  });
});
