import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { UsageError } from "../../src/errors.ts";
import { mapping } from "../../src/yaml-schema.ts";
import { checkYaml, readYamlFile } from "../../src/yaml.ts";

const schema = mapping({
  name: v.string(),
  size: v.optional(v.number()),
  kind: v.optional(v.picklist(["a", "b"])),
  pip: v.optional(v.array(v.string()), []),
  base: v.optional(mapping({ language: v.string(), version: v.string() })),
  mounts: v.optional(v.array(mapping({ source: v.string() }))),
  environment: v.optional(v.record(v.string(), v.string())),
});

/** What is wrong, as `line:column: message`; undefined when nothing is. */
async function issuesOf(
  text: string | Uint8Array,
  of: v.GenericSchema = schema,
): Promise<string[] | undefined> {
  const result = await checkYaml(Buffer.from(text), of);
  return "issues" in result
    ? result.issues.map(({ line, column, message }) => `${line}:${column}: ${message}`)
    : undefined;
}

describe("YAML that is right", () => {
  test("becomes the schema's value", async () => {
    const text = "# comment\nname: x\npip: [a, 'b']\nbase: {language: go, version: '3.10'}\n";
    expect(await checkYaml(Buffer.from(text), schema)).toEqual({
      value: { name: "x", pip: ["a", "b"], base: { language: "go", version: "3.10" } },
    });
  });

  test("may be empty, or have many entries in one line", async () => {
    const free = v.optional(v.record(v.string(), v.unknown()));
    expect(await checkYaml(Buffer.from("# nothing\n"), free)).toEqual({ value: {} });
    const entries = Array.from({ length: 500 }, (_, i) => `k${i}: ${i}`);
    expect(await issuesOf(`{${entries.join(", ")}}`, free)).toBeUndefined();
    expect(await issuesOf(entries.join("\n"), free)).toBeUndefined();
    expect(await issuesOf(`k: [${entries.map(() => "x").join(", ")}]`, free)).toBeUndefined();
    expect(await issuesOf(`k: "${"[".repeat(500)}"\nj: |\n  ${"{- ".repeat(500)}\n`, free)).toBeUndefined();
  });

  test("may name a value and use it again", async () => {
    const text = "name: &n x\npip: [*n, *n]\n";
    expect(await checkYaml(Buffer.from(text), schema)).toEqual({ value: { name: "x", pip: ["x", "x"] } });
  });
});

describe("each mistake is told with its place, all at once", () => {
  test.each([
    [
      "keys",
      "nam: x\npipp: 3\nbase:\n  langauge: go\n  version: '1'\n",
      [
        '1:1: missing key "name"',
        '1:1: unknown key "nam"; did you mean "name"?',
        '2:1: unknown key "pipp"; did you mean "pip"?',
        '4:3: base: missing key "language"',
        '4:3: base: unknown key "langauge"; did you mean "language"?',
      ],
    ],
    ["a key that is like no other", "name: x\ncompletely: 1\n", ['2:1: unknown key "completely"']],
    [
      "values",
      "name: 3.10\nsize: x\nkind: c\npip: 3\nmounts:\n  - source: true\n  - 7\nbase: [a]\n",
      [
        "1:7: name: expected text, found 3.10",
        "2:7: size: expected a number, found x",
        '3:7: kind: expected "a" or "b", found c',
        "4:6: pip: expected a list, found 3",
        "6:13: mounts[0].source: expected text, found true",
        "7:5: mounts[1]: expected a mapping, found 7",
        "8:7: base: expected a mapping, found a list",
      ],
    ],
    [
      "nothing where something is wanted",
      "name:\npip: [a, ~]\n",
      ["1:6: name: expected text, found nothing", "2:10: pip[1]: expected text, found nothing"],
    ],
    [
      "keys that are there twice",
      "name: x\nsize: a\nname: y\nbase: {language: go, version: '1', language: c}\n",
      [
        "2:7: size: expected a number, found a",
        '3:1: duplicate key "name"',
        '4:36: duplicate key "language"',
      ],
    ],
    ["two documents", "name: x\n---\nname: y\n", ["2:1: more than one document"]],
    ["unknown tags", "name: !!js/function x\n", ["1:7: unknown tag"]],
    ["keys that are no text", "? [a]\n: b\n", ["1:3: a key that is not text"]],
    [
      "keys that JavaScript gives a meaning",
      "name: x\nenvironment: {__proto__: a, constructor: b}\n",
      ['2:15: key "__proto__" is not accepted', '2:29: key "constructor" is not accepted'],
    ],
    [
      "an alias to nowhere",
      "name: *x\n",
      ["1:7: Unresolved alias (the anchor must be set before the alias): x"],
    ],
    ["a text that is not closed", "name: 'x\n", ["2:1: missing closing 'quote"]],
    ["tabs", "base:\n\tlanguage: go\n", ["2:1: tabs are not allowed as indentation"]],
    ["NUL", "name: x\npip: [a\0]\n", ["2:8: control character U+0000"]],
    ["no mapping at all", "- name\n", ["1:1: expected a mapping, found a list"]],
    ["text alone", "name\n", ["1:1: expected a mapping, found name"]],
  ])("%s", async (_, text, issues) => {
    expect(await issuesOf(text)).toEqual(issues);
  });

  test("bytes that are not UTF-8", async () => {
    expect(await issuesOf(Buffer.from("name: x\nkind: \xff\n", "latin1"))).toEqual(["2:7: not UTF-8"]);
  });

  test("long values are shortened", async () => {
    const [issue] = (await issuesOf(`name: x\nsize: ${"y".repeat(1000)}\n`)) ?? [];
    expect(issue).toBe(`2:7: size: expected a number, found ${"y".repeat(40)}...`);
  });
});

describe("hostile text is refused in little time", () => {
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (const [i, name] of [..."bcdefghij"].entries()) {
    const previous = "abcdefghij"[i]!;
    bomb.push(`${name}: &${name} [${Array<string>(9).fill(`*${previous}`).join(",")}]`);
  }
  const nested = Array.from({ length: 300 }, (_, i) => `${" ".repeat(i)}a:`).join("\n");

  test.each([
    ["flow lists in one another", "[".repeat(60_000), /^1:65: nested too deeply$/],
    ["mappings in one line", "a: ".repeat(20_000), /nested too deeply/],
    ["lists in one line", "- ".repeat(30_000), /nested too deeply/],
    ["flow mappings in one another", "{a: ".repeat(15_000), /nested too deeply/],
    ["indentations in one another", nested, /expected|missing|unknown/],
    ["aliases of aliases", bomb.join("\n"), /^2:8: Excessive alias count/],
    [
      "very many keys",
      Array.from({ length: 8_000 }, (_, i) => `${i}:`).join("\n"),
      /missing key|unknown key/,
    ],
    ["one key again and again", "a:\n".repeat(20_000), /missing key|duplicate key|unknown key/],
    ["one long text", "x".repeat(60_000), /expected a mapping/],
    ["very many mistakes", "'\n".repeat(30_000), /./],
  ])("%s", async (_, text, expected) => {
    const started = performance.now();
    const issues = await issuesOf(text);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(issues?.[0]).toMatch(expected);
  });
});

describe("a file", () => {
  let directory = "";
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "rnx-yaml-"))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  async function messageOf(path: string, maxBytes = 1000): Promise<string> {
    const error = await readYamlFile(path, schema, { maxBytes }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }

  test("is named in each line, and no more than twenty mistakes are told", async () => {
    const path = join(directory, "f.yml");
    writeFileSync(path, "nam: x\n");
    expect(await messageOf(path)).toBe(
      `${path}:1:1: missing key "name"\n${path}:1:1: unknown key "nam"; did you mean "name"?`,
    );
    writeFileSync(path, `name: x\n${Array.from({ length: 30 }, (_, i) => `q${i}: 1\n`).join("")}`);
    const lines = (await messageOf(path)).split("\n");
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe(`${path}: and 10 more mistakes`);
  });

  test("that is none, or too large, is refused before it is read", async () => {
    const path = join(directory, "f.yml");
    writeFileSync(path, "name: ".padEnd(1001, "x"));
    expect(await messageOf(path)).toBe(`${path} is larger than 1000B`);
    expect(await messageOf("/dev/zero")).toBe("/dev/zero is not a regular file");
    expect(await messageOf(directory)).toBe(`${directory} is not a regular file`);
    expect(await messageOf(join(directory, "absent"))).toMatch(/^cannot read .*ENOENT/);
  });
});
