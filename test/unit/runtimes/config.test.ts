import { afterEach, beforeEach, describe, expect, setSystemTime, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadRuntimeConfig } from "../../../src/runtimes/config.ts";
import { useTemporaryHome } from "../../support/state.ts";

const home = useTemporaryHome();
let directory: string;
let file: string;

beforeEach(() => {
  directory = join(home(), "runtimes/t");
  file = join(directory, "runtime.yml");
  mkdirSync(directory, { recursive: true });
});

async function load(text: string) {
  writeFileSync(file, text);
  return await loadRuntimeConfig(directory);
}

async function loadProblem(text: string): Promise<string> {
  const loaded = await load(text);
  return "problem" in loaded ? loaded.problem.replaceAll(file, "FILE") : "none";
}

describe("runtime.yml", () => {
  test("as a build writes it is read whole, keys that are not known being left out", async () => {
    const loaded = await load(`
name: python-3.11-ml
language: python
language_version: "3.11"
version: 1.0.0
description: Python 3.11 with machine learning and data science packages
mounts:
  - source: isolated/usr/local/lib
    target: /usr/local/lib
    readonly: true
  - {source: isolated/bin, target: /bin}
environment:
  MPLBACKEND: Agg
  PYTHONUNBUFFERED: "1"
packages:
  - numpy==1.26.2
libraries:
  - libopenblas*
requirements:
  architectures:
    - amd64
  gpu: false
  min_memory: 512MB
build_info:
  built_at: "2025-12-22T17:43:00Z"
  built_with: joblet-builder
  platform: ubuntu-amd64
original_yaml: |
  schema_version: "1.0"
maintainer: {name: someone}
`);
    expect(loaded).toEqual({
      config: {
        name: "python-3.11-ml",
        version: "1.0.0",
        description: "Python 3.11 with machine learning and data science packages",
        language: "python",
        languageVersion: "3.11",
        mounts: [
          { source: "isolated/usr/local/lib", target: "/usr/local/lib", readonly: true },
          { source: "isolated/bin", target: "/bin", readonly: true },
        ],
        environment: { MPLBACKEND: "Agg", PYTHONUNBUFFERED: "1" },
        packages: ["numpy==1.26.2"],
        libraries: ["libopenblas*"],
        requirements: { architectures: ["amd64"], gpu: false },
        buildInfo: {
          builtAt: "2025-12-22T17:43:00Z",
          builtWith: "joblet-builder",
          platform: "ubuntu-amd64",
          digest: null,
        },
        originalYaml: 'schema_version: "1.0"\n',
      },
    });
  });

  test("of one's own need have no more than a name, and keys without a value count as absent", async () => {
    const loaded = await load("name: mine\nversion:\nenvironment:\npackages:\nrequirements:\nbuild_info:\n");
    expect(loaded).toEqual({
      config: {
        name: "mine",
        version: null,
        description: null,
        language: null,
        languageVersion: null,
        mounts: [],
        environment: {},
        packages: [],
        libraries: [],
        requirements: { architectures: [], gpu: false },
        buildInfo: null,
        originalYaml: null,
      },
    });
  });

  test.each([
    ["", 'FILE:1:1: missing key "name"'],
    ["name: ''", "FILE:1:7: name: expected a name, found ''"],
    ["- name: t", "FILE:1:1: expected a mapping, found a list"],
    ["name: t\nversion: 1.0", "FILE:2:10: version: expected text, found 1.0"],
    ["name: t\nversion: latest", "FILE:2:10: version: expected a version such as 1.0.0, found latest"],
    ["name: t\nlanguage_version: 3.10", "FILE:2:19: language_version: expected text, found 3.10"],
    ["name: t\nenvironment:\n  PORT: 80", "FILE:3:9: environment.PORT: expected text, found 80"],
    ["name: t\nenvironment: {A: null}", "FILE:2:18: environment.A: expected text, found nothing"],
    ['name: t\nenvironment: {"A B": x}', "expected the name of a variable, without blanks and ="],
    ['name: t\nenvironment: {A: "x\\0y"}', "FILE:2:18: environment.A: expected text without NUL"],
    ["name: t\nenvironment: [A=1]", "environment: expected a mapping, found a list"],
    ["name: t\npackages: numpy", "FILE:2:11: packages: expected a list, found numpy"],
    ["name: t\nmounts: [{source: /a}]", "mounts[0]: missing key"],
    ["name: t\nrequirements: {gpu: maybe}", "requirements.gpu: expected true or false, found maybe"],
    ["name: t\nname: u", 'FILE:2:1: duplicate key "name"'],
    ["name: 1\nversion: 2\npackages: 3", "FILE:1:7: name: expected text, found 1 (the first of 3 mistakes)"],
    ["name: t\n".repeat(140_000), "FILE is larger than 1MB"],
  ])("%j has a problem with its place", async (text, problem) => {
    expect(await loadProblem(text)).toContain(problem);
  });

  test("that is missing, or no file, is a problem and is not waited for", async () => {
    expect(await loadRuntimeConfig(directory)).toEqual({ problem: `${file} is missing` });
    Bun.spawnSync(["mkfifo", file]);
    expect(await loadRuntimeConfig(directory)).toEqual({ problem: `${file} is not a regular file` });
  });
});

describe("what a runtime.yml was found to hold", () => {
  const text = "name: t\nenvironment: {A: first}\n";
  const config = { config: expect.objectContaining({ environment: { A: "first" } }) };

  /** Lets so much time pass that a change of the file could no longer be overlooked. */
  function waitUntilSettled(): void {
    setSystemTime(Date.now() + 3000);
  }
  afterEach(() => {
    setSystemTime();
  });

  test("is kept for root alone, used while the file is the same, and not trusted when it is damaged", async () => {
    writeFileSync(file, text);
    waitUntilSettled();
    expect(await loadRuntimeConfig(directory)).toEqual(config);
    const cache = join(home(), "cache");
    const path = join(cache, "parsed", readdirSync(join(cache, "parsed"))[0] ?? "");
    const modes = [cache, join(cache, "parsed"), path].map((place) => statSync(place).mode & 0o7777);
    expect(modes).toEqual([0o700, 0o700, 0o600]);

    const content = readFileSync(path, "utf8");
    writeFileSync(path, content.replace("first", "from the cache"));
    const fromCache = { config: expect.objectContaining({ environment: { A: "from the cache" } }) };
    expect(await loadRuntimeConfig(directory)).toEqual(fromCache);

    for (const damage of [
      "",
      "{",
      "null",
      '{"key":1}',
      content.replace('"first"', "7"),
      content.slice(0, -9),
    ]) {
      writeFileSync(path, damage);
      expect(await loadRuntimeConfig(directory)).toEqual(config);
    }

    writeFileSync(path, content.replace("first", "from the cache"));
    chmodSync(cache, 0o777);
    expect(await loadRuntimeConfig(directory)).toEqual(config);
    chmodSync(cache, 0o700);
    expect(await loadRuntimeConfig(directory)).toEqual(fromCache);

    writeFileSync(file, text.replace("first", "other"));
    const changed = { config: expect.objectContaining({ environment: { A: "other" } }) };
    expect(await loadRuntimeConfig(directory)).toEqual(changed);
  });

  test("is not kept when it is wrong, nor for a file that was only just written", async () => {
    writeFileSync(file, text);
    await loadRuntimeConfig(directory);
    writeFileSync(file, "name: 1\n");
    waitUntilSettled();
    await loadRuntimeConfig(directory);
    expect(readdirSync(home())).toEqual(["runtimes"]);
  });

  test("is not needed: where it cannot be kept the file is read each time", async () => {
    writeFileSync(file, text);
    writeFileSync(join(home(), "cache"), "no directory");
    waitUntilSettled();
    expect(await loadRuntimeConfig(directory)).toEqual(config);
  });
});
