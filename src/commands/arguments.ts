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
  const words: string[] = [];
  let wantsHelp = false;
  let i = 0;

  /** Adds a flag; `attached` is the value in the same token, if there is one. */
  const take = (name: string, attached: string | undefined): void => {
    const flag = known.find(({ names }) => names.includes(name));
    if (name === "--help" || name === "-h") wantsHelp = true;
    else if (flag === undefined) issues.push(unknownFlag(name, known));
    else if (flag.arity === 0 && attached !== undefined)
      issues.push(`${name} takes no value, but has "${attached}"`);
    else if (flag.arity === 0) flags.push({ name, value: true });
    else {
      const value = attached ?? tokens[++i];
      if (value === undefined) issues.push(`${name} needs a value`);
      else flags.push({ name, value });
    }
  };

  for (; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token === "--") {
      words.push(...tokens.slice(i + 1));
      break;
    }
    if (!isFlag(token)) {
      if (operands.endsFlags === true) {
        words.push(...tokens.slice(i));
        break;
      }
      words.push(token);
    } else if (token.startsWith("--")) {
      const end = token.indexOf("=");
      if (end === -1) take(token, undefined);
      else take(token.slice(0, end), token.slice(end + 1));
    } else takeCluster(token, known, take);
  }

  if (!wantsHelp) issues.push(...countIssues(words, operands));
  if (issues.length > 0 && !wantsHelp) throw new UsageError(issues);
  return { flags, words, wantsHelp };
}

/** Begins with a hyphen; "-" alone is a word (standard input, by custom), and so is a negative number. */
export function isFlag(token: string): boolean {
  return /^-[^\d]/.test(token);
}

/** "-it" is "-i -t"; after a flag that takes a value the rest is the value, "-eA=B" as "-e=A=B". */
function takeCluster(
  token: string,
  known: readonly Flag[],
  take: (name: string, attached: string | undefined) => void,
): void {
  for (let at = 1; at < token.length; at++) {
    const name = `-${token[at]}`;
    const rest = token.slice(at + 1);
    const takesValue = known.some((flag) => flag.names.includes(name) && flag.arity > 0);
    if (takesValue || rest.startsWith("=")) {
      take(name, rest === "" ? undefined : rest.replace(/^=/, ""));
      return;
    }
    take(name, undefined);
  }
}

function unknownFlag(name: string, known: readonly Flag[]): string {
  const nearest = findNearest(name, [...known.flatMap(({ names }) => names), "--help"]);
  return `unknown flag "${name}"${nearest === undefined ? "" : `; did you mean ${nearest}?`}`;
}

function countIssues(words: readonly string[], { usage, minimum, maximum }: Operands): string[] {
  if (words.length < minimum) return [`${usage} is missing`];
  const extra = words[maximum];
  return extra === undefined ? [] : [`unexpected argument "${extra}"`];
}
