import { Command } from "clipanion/lib/advanced/Command";
import { UsageError } from "../errors.ts";
import { paint, print } from "../terminal.ts";
import { Declarations, type Flag, NO_OPERANDS, RnxCommand, type RnxCommandClass } from "./base.ts";
import { COMMANDS, findVerbs, GROUPS } from "./registry.ts";

/** rnx help [COMMAND...] */
export class HelpCommand extends RnxCommand {
  static override operands = { usage: "[COMMAND...]", minimum: 0, maximum: 2 };
  static override needsRoot = false;
  static override usage = Command.Usage({
    description: "explain rnx or one of its commands",
    examples: [["Every flag of `job run`", "$0 help job run"]],
  });

  override async execute(): Promise<number> {
    return showHelp(this.words);
  }
}

/** Prints the help for the words of a command: none for rnx itself, "job", "job run". */
export async function showHelp(path: readonly string[]): Promise<number> {
  const name = path.join(" ");
  const load = COMMANDS.get(name);
  if (path.length === 0) print(await describeProgram());
  else if (GROUPS.has(name)) print(await describeGroup(name));
  else if (load !== undefined) print(describeCommand(name, await load()));
  else throw new UsageError(`unknown command "${name}"; see rnx --help`);
  return 0;
}

async function describeProgram(): Promise<string> {
  const names = [...COMMANDS.keys()];
  return [
    "Runs commands as jobs in micro-containers, without a daemon.\n",
    section("Usage", ["rnx [--json] [--no-color] COMMAND [ARGS...]"]),
    section("Commands", await summaries(names)),
    section("Flags", columns(describeFlags(HelpCommand))),
    section("Examples", [
      "rnx job run echo hello             # a job: sandbox, record and log",
      "rnx job run --max-memory=512 ls    # flags before the command are rnx's, after it the command's",
      "rnx job list                       # what ran and how it ended",
    ]),
    "rnx help COMMAND explains one of them.\n",
  ].join("\n");
}

async function describeGroup(noun: string): Promise<string> {
  const names = findVerbs(noun).map((verb) => `${noun} ${verb}`);
  const first = await COMMANDS.get(names[0]!)!();
  return [
    `rnx ${noun}: ${GROUPS.get(noun)}\n`,
    section("Commands", await summaries(names)),
    section("Example", [exampleLine(first)]),
    `rnx ${noun} COMMAND --help explains one of them.\n`,
  ].join("\n");
}

function describeCommand(name: string, commandClass: RnxCommandClass): string {
  const { description, details, examples = [] } = commandClass.usage;
  const operands = commandClass.operands === NO_OPERANDS ? "" : ` ${commandClass.operands.usage}`;
  return [
    `rnx ${name}: ${description}\n`,
    section("Usage", [`rnx ${name} [flags]${operands}`]),
    ...(details === undefined ? [] : [`${details.trim()}\n`]),
    section("Flags", columns(describeFlags(commandClass))),
    section(
      "Examples",
      examples.flatMap(([label, line]) => [`# ${label}`, line.replace("$0", "rnx")]),
    ),
  ].join("\n");
}

function exampleLine(commandClass: RnxCommandClass): string {
  const [label, line] = commandClass.usage.examples?.[0] ?? ["", ""];
  return `${line.replace("$0", "rnx")}    # ${label}`;
}

async function summaries(names: readonly string[]): Promise<string[]> {
  const rows = await Promise.all(
    names.map(async (name): Promise<[string, string]> => {
      const { operands, usage } = await COMMANDS.get(name)!();
      return [`rnx ${name} ${operands.usage}`, usage.description ?? ""];
    }),
  );
  return columns(rows);
}

/** Name and explanation of each flag: the command's own first, then those that every command has. */
function describeFlags(commandClass: RnxCommandClass): [string, string][] {
  const all = new Declarations(commandClass).flags;
  const common = all.slice(0, COMMON_FLAGS);
  return [...all.slice(COMMON_FLAGS), ...common].map(flagRow).concat([["-h, --help", "print this help"]]);
}

/** --json and --no-color come first: the base class declares them. */
const COMMON_FLAGS = 2;

function flagRow({ names, arity, description = "" }: Flag): [string, string] {
  const value = arity === 0 ? "" : ` ${/`(.+?)`/.exec(description)?.[1] ?? "VALUE"}`;
  return [`${names.join(", ")}${value}`, description.replaceAll("`", "")];
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`.trimEnd());
}

function section(title: string, lines: readonly string[]): string {
  return `${paint(1, "bold", `${title}:`)}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}
