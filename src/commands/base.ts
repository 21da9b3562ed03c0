import { type BaseContext, Cli } from "clipanion/lib/advanced/Cli";
import { Command, type Usage } from "clipanion/lib/advanced/Command";
import { Boolean as BooleanFlag } from "clipanion/lib/advanced/options/Boolean";

/** The words a command takes beside its flags. */
export interface Operands {
  /** As in the usage line: "ID...". */
  readonly usage: string;
  readonly minimum: number;
  readonly maximum: number;
  /** The first word ends rnx's own flags: what follows is a command line of its own. */
  readonly endsFlags?: boolean;
}

export const NO_OPERANDS: Operands = { usage: "", minimum: 0, maximum: 0 };

/** One command of rnx: flags in, exit code out, no logic. */
export abstract class RnxCommand extends Command {
  static readonly operands: Operands = NO_OPERANDS;
  static readonly needsRoot: boolean = true;

  json = BooleanFlag("--json", false, { description: "print JSON, for programs" });
  noColor = BooleanFlag("--no-color", false, { description: "print no colours, as with NO_COLOR=1" });

  /** What was given beside flags; as many as `operands` allows. */
  words: readonly string[] = [];

  abstract override execute(): Promise<number>;
}

/** A command as the registry has it: always with a description and at least one example. */
export interface RnxCommandClass {
  new (): RnxCommand;
  readonly usage: Usage;
  readonly operands: Operands;
  readonly needsRoot: boolean;
}

/** A flag as it is declared: all its names, and how many values follow it (0 or 1). */
export interface Flag {
  readonly names: readonly string[];
  readonly arity: number;
  /** The value's name stands in backquotes: "at most `MB` of memory". */
  readonly description?: string | undefined;
}

/** A flag as it was given; the value of one that takes none is true. */
export interface GivenFlag {
  readonly name: string;
  readonly value: string | true;
}

/**
 * The declarations of one command, and the command with its flags filled in, both by clipanion. Its own parser is
 * not used: the state machine that it makes of 30 flags costs 9 ms at every start, takes time in the square of the
 * number of words, refuses values that begin with a hyphen, and its run() prints errors to standard output.
 */
export class Declarations extends Cli {
  readonly #commandClass: RnxCommandClass;

  constructor(commandClass: RnxCommandClass) {
    super({ binaryName: "rnx" });
    this.#commandClass = commandClass;
    this.register(commandClass);
  }

  /** The command's flags, in the order of their declaration: those that every command has come first. */
  get flags(): readonly Flag[] {
    return this.registrations.get(this.#commandClass)?.builder.options ?? [];
  }

  /** The command with flags and words as they were given. */
  makeCommand(given: readonly GivenFlag[], words: readonly string[]): RnxCommand {
    const command = new this.#commandClass();
    command.words = words;
    const { specs, builder } = this.registrations.get(this.#commandClass)!;
    const state = { ...NOTHING_GIVEN, options: [...given] };
    for (const [key, { transformer }] of specs) {
      Object.assign(command, { [key]: transformer<BaseContext>(builder, key, state, Cli.defaultContext) });
    }
    return command;
  }
}

/** clipanion's state after parsing no argument at all. */
const NOTHING_GIVEN = {
  candidateUsage: null,
  requiredOptions: [],
  errorMessage: null,
  ignoreOptions: false,
  path: [],
  positionals: [],
  remainder: null,
  selectedIndex: null,
};
