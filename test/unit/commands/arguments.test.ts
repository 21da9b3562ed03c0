import { describe, expect, test } from "bun:test";
import { splitArguments } from "../../../src/commands/arguments.ts";
import { UsageError } from "../../../src/errors.ts";

const FLAGS = [
  { names: ["--max-memory"], arity: 1 },
  { names: ["--env", "-e"], arity: 1 },
  { names: ["--rm"], arity: 0 },
  { names: ["-i"], arity: 0 },
  { names: ["--force", "-f"], arity: 0 },
];
const COMMAND = { usage: "COMMAND [ARGS...]", minimum: 1, maximum: Infinity, endsFlags: true };
const IDS = { usage: "ID...", minimum: 1, maximum: 2 };

function split(tokens: string[], operands: Parameters<typeof splitArguments>[2] = COMMAND) {
  const { flags, words } = splitArguments(tokens, FLAGS, operands);
  return { flags: flags.map(({ name, value }) => [name, value]), words };
}

function issues(
  tokens: string[],
  operands: Parameters<typeof splitArguments>[2] = COMMAND,
): readonly string[] {
  try {
    splitArguments(tokens, FLAGS, operands);
    return [];
  } catch (error) {
    if (error instanceof UsageError) return error.issues;
    throw error;
  }
}

describe("values", () => {
  test.each([
    ["--max-memory 5 x", [["--max-memory", "5"]]],
    ["--max-memory=5 x", [["--max-memory", "5"]]],
    ["--max-memory= x", [["--max-memory", ""]]],
    ["--max-memory -5 x", [["--max-memory", "-5"]]],
    ["--max-memory=-5 x", [["--max-memory", "-5"]]],
    ["--env A=B=C x", [["--env", "A=B=C"]]],
    ["--env=A=B x", [["--env", "A=B"]]],
    ["-e A=B x", [["-e", "A=B"]]],
    ["-eA=B x", [["-e", "A=B"]]],
    ["-e=A=B x", [["-e", "A=B"]]],
    [
      "-ie A x",
      [
        ["-i", true],
        ["-e", "A"],
      ],
    ],
    [
      "-fi x",
      [
        ["-f", true],
        ["-i", true],
      ],
    ],
    [
      "-e A -e B --rm x",
      [
        ["-e", "A"],
        ["-e", "B"],
        ["--rm", true],
      ],
    ],
  ])("%s", (line, flags) => {
    expect(split(line.split(" "))).toEqual({ flags: flags as [string, string | true][], words: ["x"] });
  });
});

describe("words", () => {
  test.each([
    ["the first word ends the flags of a command line", "--rm ls --rm -la", ["ls", "--rm", "-la"]],
    ["-- ends the flags", "-- --rm -x", ["--rm", "-x"]],
    ["only the first -- counts", "-- -- x", ["--", "x"]],
    ["a -- of the command stays", "git log -- f", ["git", "log", "--", "f"]],
    ["- is a word", "- x", ["-", "x"]],
    ["a negative number is a word", "-1 x", ["-1", "x"]],
  ])("%s", (_, line, words) => {
    expect(split(line.split(" ")).words).toEqual(words);
  });

  test("flags may stand behind the words of other commands", () => {
    expect(split(["a", "--force", "b"], IDS)).toEqual({ flags: [["--force", true]], words: ["a", "b"] });
  });

  test("100,000 words take no noticeable time", () => {
    const words = Array.from({ length: 100_000 }, (_, i) => `${i}`);
    const start = performance.now();
    expect(split(words).words).toHaveLength(100_000);
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe("mistakes, all at once", () => {
  test.each<[string[], string[]]>([
    [["--max-memmory=5", "x"], ['unknown flag "--max-memmory"; did you mean --max-memory?']],
    [["--nothing-like-it", "x"], ['unknown flag "--nothing-like-it"']],
    [["--no-rm", "x"], ['unknown flag "--no-rm"']],
    [["--rm=yes", "x"], ['--rm takes no value, but has "yes"']],
    [["-it", "x"], ['unknown flag "-t" in "-it"']],
    [["-t", "x"], ['unknown flag "-t"']],
    [["--max-memory"], ["--max-memory needs a value", "COMMAND [ARGS...] is missing"]],
    [["-e"], ["-e needs a value", "COMMAND [ARGS...] is missing"]],
    [
      ["--a", "--b"],
      ['unknown flag "--a"', 'unknown flag "--b"', "COMMAND [ARGS...] is missing"],
    ],
    [["--secretenv=K=s3cr3t", "x"], ['unknown flag "--secretenv"']],
  ])("%j", (tokens, expected) => {
    expect(issues(tokens)).toEqual(expected);
  });

  test("too few and too many words", () => {
    expect(issues([], IDS)).toEqual(["ID... is missing"]);
    expect(issues(["a", "b", "c"], IDS)).toEqual(['unexpected argument "c"']);
  });

  test("none count when help is asked for", () => {
    expect(splitArguments(["--bogus", "--help"], FLAGS, COMMAND).wantsHelp).toBe(true);
    expect(splitArguments(["ls", "--help"], FLAGS, COMMAND).wantsHelp).toBe(false);
  });
});
