/**
 * What holds for every file of src/, each rule with its reason. A rule that has to give way is changed here, in
 * the commit that needs it.
 */
import { describe, expect, test } from "bun:test";
import { folderOf, readSourceFiles } from "./support/source.ts";

const FILES = readSourceFiles();
const NAMES = new Set(FILES.map(({ name }) => name));

/** The files of src/ itself are about no part of rnx in particular: every file may import them, but for these. */
const COMMON = FILES.map(({ name }) => name).filter(
  (name) => !name.includes("/") && !["main", "caller", "describe", "terminal"].includes(name),
);

const EVERY_NOUN = ["jobs", "runtimes", "state", "network", "volumes", "schedule", "workflow", "host"];

/** What the files of a folder may import besides each other and COMMON. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ["caller", "commands", "describe", "terminal", "jobs", "schedule"],
  caller: ["linux"],
  describe: [],
  terminal: ["linux"],
  linux: [],
  sandbox: ["linux"],
  cgroups: [],
  state: ["linux"],
  runtimes: ["sandbox", "cgroups", "state"],
  network: ["state", "linux"],
  volumes: ["state", "linux"],
  jobs: ["sandbox", "cgroups", "state", "runtimes", "network", "volumes", "host", "linux", "terminal"],
  schedule: ["state", "linux", "jobs"],
  workflow: ["state", "linux", "jobs"],
  host: ["cgroups", "state", "linux"],
  commands: [...EVERY_NOUN, "sandbox", "cgroups", "linux", "terminal", "caller"],
};

describe("imports", () => {
  test("a folder imports only what stands below it", () => {
    const found = FILES.flatMap(({ name, imports, lazyImports }) => {
      const folder = folderOf(name);
      const allowed = [folder, ...COMMON, ...(MAY_IMPORT[folder] ?? [])];
      return [...imports, ...lazyImports]
        .filter((target) => NAMES.has(target) && !allowed.includes(folderOf(target)))
        .map((target) => `${name} imports ${target}`);
    });
    expect(found).toEqual([]);
  });

  for (const [importer, target, reason] of [
    [/^(?!linux\/)/, /^bun:ffi$/, "the kernel is called in one place, with checked arguments"],
    [/^(?!commands\/)/, /^npm:clipanion\b/, "the rest takes values, whoever parsed them"],
    [
      /^state\/(?!lock$|store$|leases$)/,
      /^linux\//,
      "a record is a file like any other; only locks need more",
    ],
    [
      /^sandbox\/(?!launch$|encode$|user-namespace$)/,
      /^linux\/(?!constants$|abi$)/,
      "a plan is data: only what launches it has effects",
    ],
    [/^jobs\//, /^runtimes\/(?!resolve$)/, "a job finds a runtime, and never builds one"],
    [/^/, /^npm:yaml$/, "parsing YAML costs 3 ms of a start; import() it where a file is read"],
  ] as const) {
    test(`${importer.source} does not import ${target.source}: ${reason}`, () => {
      const found = FILES.filter(({ name }) => importer.test(name)).flatMap(({ name, imports }) =>
        imports.filter((path) => target.test(path)).map((path) => `${name} imports ${path}`),
      );
      expect(found).toEqual([]);
    });
  }

  test("no file imports itself through others", () => {
    const importsOf = new Map(FILES.map(({ name, imports }) => [name, imports]));
    const finished = new Set<string>();
    const cycles: string[] = [];
    const walk = (name: string, path: readonly string[]): void => {
      if (path.includes(name)) cycles.push([...path.slice(path.indexOf(name)), name].join(" > "));
      if (path.includes(name) || finished.has(name)) return;
      for (const target of importsOf.get(name) ?? []) walk(target, [...path, name]);
      finished.add(name);
    };
    for (const { name } of FILES) walk(name, []);
    expect(cycles).toEqual([]);
  });
});

describe("bans", () => {
  for (const [part, pattern, reason] of [
    ["bareCode", /\bconsole\./, "it goes through process.stdout; terminal.ts writes"],
    [
      "bareCode",
      /\bprocess\.std(in|out|err)\b/,
      "a look at it sets O_NONBLOCK on a pipe that is the caller's too",
    ],
    ["bareCode", /\bprocess\.exit\(/, "it loses what is not yet written; set process.exitCode"],
    ["bareCode", /(?<!\.)\bany\b/, "it switches the type checker off; FFI turns a missing argument into 0"],
    ["bareCode", /\bas (never|unknown as)\b/, "as any"],
    ["text", /@ts-(ignore|nocheck|expect-error)/, "as any"],
    ["bareCode", /\benum\b/, "a union of strings or a frozen object needs no code of its own"],
    [
      "code",
      /writeFileSync\([^)]*\/(sys|proc)\//,
      "where the file is missing it makes one: a limit silently lost",
    ],
    ["bareCode", /\bBun\.spawn|\bchild_process\b/, "a supervisor asks for every child there is, Bun's too"],
    ["text", /\b(TODO|FIXME|XXX)\b/, "what is to be done is an issue"],
  ] as const) {
    test(`no ${pattern.source}: ${reason}`, () => {
      expect(linesWith(pattern, part)).toEqual([]);
    });
  }

  test("nothing below cgroups/ creates files", () => {
    const found = linesWith(/\b(writeFileSync|appendFileSync|Bun\.write)\b/, "bareCode");
    expect(found.filter((line) => line.startsWith("src/cgroups/"))).toEqual([]);
  });
});

describe("files", () => {
  /** Tables, most of them generated: their length says nothing. */
  const TABLES = /^linux\/(constants|errno|syscalls|abi-\w+)$/;

  test("none has more than 300 lines, but tables", () => {
    const long = FILES.filter(({ name, text }) => text.split("\n").length > 301 && !TABLES.test(name));
    expect(long.map(({ name }) => name)).toEqual([]);
  });

  test("none only passes on what others export", () => {
    expect(linesWith(/^export (\*|\{[^}]*\}) from\b/, "code")).toEqual([]);
  });

  test("each exported function and class has a description", () => {
    const found = FILES.flatMap(({ name, text }) => {
      const lines = text.split("\n");
      return lines
        .map((line, index) => ({ exported: findExported(line), before: lines[index - 1] ?? "" }))
        .filter(({ exported, before }) => exported !== undefined && !isDescription(exported, before))
        .map(({ exported }) => `${name}: ${exported}`);
    });
    expect(found).toEqual([]);
  });
});

/** The name of the function or class that a line exports. */
function findExported(line: string): string | undefined {
  return /^export (?:default |abstract |async )*(?:function\*? |class |const (?=\w+ = (?:async )?\())(\w+)/.exec(
    line,
  )?.[1];
}

/** The end of a comment; before the second of two overloads, the first. */
function isDescription(exported: string, line: string): boolean {
  return line.endsWith("*/") || findExported(line) === exported;
}

/** «src/FILE.ts:LINE: the line» for each line of src/ that the pattern is found in. */
function linesWith(pattern: RegExp, part: "text" | "code" | "bareCode"): string[] {
  return FILES.flatMap((file) => {
    const lines = file.text.split("\n");
    return file[part]
      .split("\n")
      .flatMap((line, index) =>
        pattern.test(line) ? [`src/${file.name}.ts:${index + 1}: ${lines[index]?.trim()}`] : [],
      );
  });
}
