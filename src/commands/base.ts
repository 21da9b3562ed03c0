import { type BaseContext, Cli } from "clipanion/lib/advanced/Cli";
import { Command, type CommandClass, type Usage } from "clipanion/lib/advanced/Command";
import { Boolean as BooleanFlag } from "clipanion/lib/advanced/options/Boolean";

/** What a command gets beside its flags: the words that are none. */
export interface RnxContext extends BaseContext {
  readonly words: readonly string[];
}

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
export abstract class RnxCommand extends Command<RnxContext> {
  static readonly operands: Operands = NO_OPERANDS;
  static readonly needsRoot: boolean = true;

  json = BooleanFlag("--json", false, { description: "print JSON, for programs" });
  noColor = BooleanFlag("--no-color", false, { description: "print no colours, as with NO_COLOR=1" });

  abstract override execute(): Promise<number>;
}

/** A command as the registry has it: always with a description and at least one example. */
export type RnxCommandClass = CommandClass<RnxContext> & {
  new (): RnxCommand;
  readonly usage: Usage;
  readonly operands: Operands;
  readonly needsRoot: boolean;
};

/** A flag as it is declared: all its names, and how many values follow it (0 or 1). */
export interface Flag {
  readonly names: readonly string[];
  readonly arity: number;
  /** The value's name stands in backquotes: "at most `MB` of memory". */
  readonly description?: string | undefined;
}

/**
 * clipanion holds the declarations of the commands and fills in their flags. Its run() is not used: that prints
 * errors and stack traces to standard output and ends with 1.
 */
export class RnxCli extends Cli<RnxContext> {
  constructor(commandClass: RnxCommandClass) {
    super({ binaryName: "rnx" });
    this.register(commandClass);
  }

  /** The flags of a registered command. */
  flagsOf(commandClass: RnxCommandClass): readonly Flag[] {
    return this.registrations.get(commandClass)?.builder.options ?? [];
  }
}
