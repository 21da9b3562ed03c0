import { UsageError } from "../errors.ts";
import { findNearest } from "../nearest.ts";
import type { Flag, GivenFlag, Operands } from "./base.ts";

/** A command line taken apart. */
export interface SplitArguments {
  readonly flags: readonly GivenFlag[];
  readonly words: readonly string[];
  readonly wantsHelp: boolean;
}

/**
 * Tells flags from words by the rules of every well-known tool: `--name value` and `--name=value`, `-it`, `-eA=B`; a
 * value may begin with a hyphen; `--` ends the flags. Throws UsageError with every mistake.
 */
export function splitArguments(
  tokens: readonly string[],
  known: readonly Flag[],
  operands: Operands,
): SplitArguments {
  const issues: string[] = [];
  const flags: GivenFlag[] = [];
  let words: string[] = [];
  let wantsHelp = false;

  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token === "--" || (!isFlag(token) && operands.endsFlags === true)) {
      words = words.concat(tokens.slice(token === "--" ? i + 1 : i));
      break;
    }
    if (!isFlag(token)) {
      words.push(token);
      continue;
    }
    for (const { name, attached } of expandFlag(token, known)) {
      const flag = findFlag(name, known);
      if (HELP.names.includes(name)) wantsHelp = true;
      else if (flag === undefined) issues.push(explainUnknown(name, token, known));
      else if (flag.arity === 0) {
        if (attached === undefined) flags.push({ name, value: true });
        else issues.push(`${name} takes no value, but has "${attached}"`);
      } else {
        const value = attached ?? tokens[++i];
        if (value === undefined) issues.push(`${name} needs a value`);
        else flags.push({ name, value });
      }
    }
  }

  issues.push(...countIssues(words, operands));
  if (issues.length > 0 && !wantsHelp) throw new UsageError(issues);
  return { flags, words, wantsHelp };
}

/** The flag that every command has and that is not declared: it is answered before a command is made. */
export const HELP: Flag = { names: ["-h", "--help"], arity: 0 };

/** Begins with a hyphen; "-" alone is a word (standard input, by custom), and so is a negative number. */
export function isFlag(token: string): boolean {
  return /^-[^\d]/.test(token);
}

function findFlag(name: string, known: readonly Flag[]): Flag | undefined {
  return known.find(({ names }) => names.includes(name));
}

/**
 * The flags in one token, and the value that is attached to the last: "--name=value", "-it" as "-i -t". After a short
 * flag that takes a value the rest is that value: "-eA=B" as "-e=A=B".
 */
function expandFlag(token: string, known: readonly Flag[]): { name: string; attached: string | undefined }[] {
  if (token.startsWith("--")) {
    const [name = ""] = token.split("=", 1);
    return [{ name, attached: token === name ? undefined : token.slice(name.length + 1) }];
  }
  const name = token.slice(0, 2);
  const rest = token.slice(2);
  if (rest === "") return [{ name, attached: undefined }];
  if (rest.startsWith("=")) return [{ name, attached: rest.slice(1) }];
  if (findFlag(name, known)?.arity === 1) return [{ name, attached: rest }];
  return [{ name, attached: undefined }, ...expandFlag(`-${rest}`, known)];
}

function explainUnknown(name: string, token: string, known: readonly Flag[]): string {
  if (!token.startsWith(name)) return `unknown flag "${name}" in "${token}"`;
  const nearest = findNearest(
    name,
    [...known, HELP].flatMap(({ names }) => names),
  );
  return `unknown flag "${name}"${nearest === undefined ? "" : `; did you mean ${nearest}?`}`;
}

function countIssues(words: readonly string[], { usage, minimum, maximum }: Operands): string[] {
  if (words.length < minimum) return [`${usage} is missing`];
  const extra = words[maximum];
  return extra === undefined ? [] : [`unexpected argument "${extra}"`];
}
