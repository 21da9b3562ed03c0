import { RnxError, UsageError } from "../errors.ts";
import { findNearest } from "../nearest.ts";
import { forbidColour } from "../terminal.ts";
import { Declarations, type GivenFlag, NO_OPERANDS } from "./base.ts";
import { HELP, isFlag, splitArguments } from "./arguments.ts";
import { COMMANDS, findNouns, findVerbs } from "./registry.ts";

/**
 * Runs the command that the arguments name and returns its exit code. Loads that command and nothing else: the
 * time until a job starts is spent here. Throws UsageError when the call is wrong.
 */
export async function runCommand(tokens: readonly string[]): Promise<number> {
  const server = process.env["RNX_SERVER"] ?? "";
  if (server !== "") {
    throw new UsageError(`RNX_SERVER is set ("${server}") but rnx cannot use another machine; unset it`);
  }
  const { path, rest } = findCommand(tokens);
  const load = COMMANDS.get(path.join(" "));
  if (load === undefined) return explainIncomplete(path, rest);

  const commandClass = await load();
  const declarations = new Declarations(commandClass);
  const { flags, words, wantsHelp } = splitArguments(rest, declarations.flags, commandClass.operands);
  if (isGiven(flags, "--no-color")) forbidColour();
  if (wantsHelp) return showHelp(path);
  if (commandClass.needsRoot && process.geteuid?.() !== 0) throw new RnxError("rnx must be root");

  return declarations.makeCommand(flags, words).execute();
}

function isGiven(flags: readonly GivenFlag[], name: string): boolean {
  return flags.some((flag) => flag.name === name);
}

/** The words that name the command, wherever flags stand among them, and everything else in its order. */
function findCommand(tokens: readonly string[]): { path: readonly string[]; rest: readonly string[] } {
  const nounAt = findWord(tokens, 0, findNouns(), "");
  if (nounAt === undefined) {
    const isVersion = tokens.includes("--version");
    return { path: isVersion ? ["version"] : [], rest: tokens.filter((token) => token !== "--version") };
  }
  const noun = tokens[nounAt]!;
  const verbs = findVerbs(noun);
  const verbAt = verbs.length === 0 ? undefined : findWord(tokens, nounAt + 1, verbs, `${noun} `);
  const path = verbAt === undefined ? [noun] : [noun, tokens[verbAt]!];
  return { path, rest: tokens.filter((_, at) => at !== nounAt && at !== verbAt) };
}

/**
 * Where the next word of the command's name stands. A word after a flag may be that flag's value
 * (`rnx --name x job list`), so there it only counts when it is one of the names.
 */
function findWord(
  tokens: readonly string[],
  from: number,
  names: readonly string[],
  prefix: string,
): number | undefined {
  for (let at = from; at < tokens.length && tokens[at] !== "--"; at++) {
    const token = tokens[at]!;
    if (isFlag(token)) continue;
    if (names.includes(token)) return at;
    const before = at > from ? tokens[at - 1]! : "";
    if (isFlag(before) && !before.includes("=") && !COMMON.some(({ names }) => names.includes(before)))
      continue;
    throw new UsageError(explainUnknownCommand(token, names, prefix));
  }
  return undefined;
}

function explainUnknownCommand(word: string, names: readonly string[], prefix: string): string {
  const nearest = findNearest(word, names);
  const suggestion =
    nearest === undefined ? `see rnx ${prefix}--help` : `did you mean "${prefix}${nearest}"?`;
  return `unknown command "${prefix}${word}"; ${suggestion}`;
}

/** No command, or a noun without its verb: the help when that was asked for, else what is missing. */
async function explainIncomplete(path: readonly string[], rest: readonly string[]): Promise<number> {
  const { wantsHelp, flags } = splitArguments(rest, COMMON, NO_OPERANDS);
  if (isGiven(flags, "--no-color")) forbidColour();
  if (path.length > 0 && !wantsHelp) {
    const [noun = ""] = path;
    throw new UsageError(`rnx ${noun} needs a command: ${findVerbs(noun).join(", ")}`);
  }
  return showHelp(path);
}

/** The flags that stand before any command. */
const COMMON = [{ names: ["--json"], arity: 0 }, { names: ["--no-color"], arity: 0 }, HELP];

async function showHelp(path: readonly string[]): Promise<number> {
  const help = await import("./help.ts");
  return help.showHelp(path);
}
