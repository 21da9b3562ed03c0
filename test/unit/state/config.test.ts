import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../../src/errors.ts";
import { DEFAULT_CONFIG, readConfig } from "../../../src/state/config.ts";
import { useTemporaryHome } from "../../support/state.ts";

const home = useTemporaryHome();

/** Where the host's own file would be. */
function hostFile(): string {
  return join(home(), "etc-rnx.yml");
}

function writeConfig(text: string): string {
  const path = join(home(), "rnx.yml");
  writeFileSync(path, text);
  return path;
}

async function issuesOf(text: string): Promise<readonly string[]> {
  const path = writeConfig(text);
  const error = await readConfig(hostFile()).catch((thrown: unknown) => thrown);
  if (!(error instanceof UsageError)) throw new Error(`no UsageError: ${String(error)}`);
  return error.issues.map((issue) => issue.replace(`${path}:`, ""));
}

describe("rnx.yml", () => {
  test("absent or empty: the defaults", async () => {
    expect(await readConfig(hostFile())).toBe(DEFAULT_CONFIG);
    const path = writeConfig("# nothing is set\n");
    expect(await readConfig(hostFile())).toEqual({ ...DEFAULT_CONFIG, path });
  });

  test("the host's own comes before that of RNX_HOME", async () => {
    writeConfig("auto_upload: true\n");
    writeFileSync(hostFile(), "auto_upload: false\n");
    expect(await readConfig(hostFile())).toEqual({ ...DEFAULT_CONFIG, path: hostFile(), autoUpload: false });
  });

  test("every key is read; what is not set in a group keeps its default", async () => {
    const path = writeConfig(`
auto_upload: false
min_free: {percent: 0.5, max: 500M}
ceiling: {memory_percent: 80}
ids: {first: 655360, count: 10}
defaults: {max-memory: 512, network: none, interactive: true, env: [A=1, B=2]}
log_max: 16
prune_older: 30d
network: {bridge_cidr: 10.9.0.0/16, default: bridge}
schedule: {at_once: 4}
sources: {debian: "http://deb.debian.org/debian"}
`);
    expect(await readConfig(hostFile())).toEqual({
      path,
      autoUpload: false,
      minFree: { percent: 0.5, maxBytes: 500 * 2 ** 20 },
      ceiling: { memoryPercent: 80, processesPercent: 90 },
      ids: { first: 655_360, count: 10 },
      defaults: { "max-memory": 512, network: "none", interactive: true, env: ["A=1", "B=2"] },
      logMaxBytes: 16 * 2 ** 20,
      pruneOlderMs: 30 * 86_400_000,
      network: { bridge_cidr: "10.9.0.0/16", default: "bridge" },
      schedule: { at_once: 4 },
      sources: { debian: "http://deb.debian.org/debian" },
    });
  });

  test("every mistake is told at once, with its place and what would be right", async () => {
    const text = `auto_uplaod: no
min_free: {percent: 100, max: 10ZB}
ceiling: {memory_percent: .nan, processes_percent: 0, cpu: 1}
ids: {first: 524289, count: 0}
defaults: {env: [1]}
log_max: -1
prune_older: 30
network: none
`;
    expect(await issuesOf(text)).toEqual([
      '1:1: unknown key "auto_uplaod"; did you mean "auto_upload"?',
      "2:21: min_free.percent: expected a number from 0 to 99, found 100",
      "2:31: min_free.max: expected a number of MB or a size such as 512M, 1.5G or 65536K, found 10ZB",
      "3:27: ceiling.memory_percent: expected a number from 1 to 100, found .nan",
      "3:52: ceiling.processes_percent: expected a number from 1 to 100, found 0",
      '3:55: ceiling: unknown key "cpu"',
      "4:14: ids.first: expected a multiple of 65536, found 524289",
      "4:29: ids.count: expected a whole number from 1 to 32768, found 0",
      "5:17: defaults.env: expected text, a number, true or false, or a list of texts, found a list",
      "6:10: log_max: expected a number of MB or a size such as 512M, 1.5G or 65536K, found -1",
      "7:14: prune_older: expected a duration such as 500ms, 90s, 30min, 1hour, 2h30m or 1d, found 30",
      "8:10: network: expected a mapping, found none",
    ]);
    expect(await issuesOf("ids: {first: 2147418112, count: 2}\n")).toEqual([
      "1:6: ids: ends beyond 2147483648: first + count * 65536",
    ]);
    expect(await issuesOf("defaults: [runtime]\nsources: [debian]\n")).toEqual([
      "1:11: defaults: expected a mapping, found a list",
      "2:10: sources: expected a mapping, found a list",
    ]);
  });

  test("one that cannot be read is an error, not the defaults", async () => {
    process.env["RNX_HOME"] = "/dev/null";
    expect(await readConfig(hostFile())).toBe(DEFAULT_CONFIG);
    await expect(readConfig("/dev/zero")).rejects.toThrow("/dev/zero is not a regular file");
  });
});

test("without a file neither the YAML library nor the checks are loaded", () => {
  const source = readFileSync(join(import.meta.dir, "../../../src/state/config.ts"), "utf8");
  const { imports } = new Bun.Transpiler({ loader: "ts" }).scan(source);
  const loaded = imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path);
  expect(loaded).toEqual(["node:fs", "node:path", "./paths.ts"]);
});
