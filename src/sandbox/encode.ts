import { closeSync } from "node:fs";
import { CallRecords, type Clone } from "../linux/clone.ts";
import { duplicate } from "../linux/files.ts";
import { Arena } from "../linux/memory.ts";
import { errnoName } from "../linux/syscall.ts";
import { type Argument, CONSTANTS, type InheritedName, SLOTS, SLOTS_END, type Step } from "./step.ts";

/** Which of the three children failed. */
export type ChildName = "holder" | "init" | "job";

/** A step of one of the children failed. The label and the errno are for the person; see start-failure.ts. */
export class StepFailure extends Error {
  override readonly name = "StepFailure";
  readonly child: ChildName;
  readonly step: Step;
  readonly errno: number;
  /** The failures of earlier steps with the same label that were tolerated: an execve for each PATH directory. */
  readonly toleratedErrnos: readonly number[];

  constructor(child: ChildName, steps: readonly Step[], clone: Clone, index: number, errno: number) {
    const step = steps[index]!;
    super(`sandbox: ${step.label}: ${errnoName(errno)} (${errno})`);
    this.child = child;
    this.step = step;
    this.errno = errno;
    this.toleratedErrnos = steps
      .map((other, i) => (i < index && other.label === step.label ? clone.toleratedErrno(i) : 0))
      .filter((tolerated) => tolerated !== 0);
  }
}

/** The descriptors of this process that a child needs, by what the plan calls them. */
export type Inherited = Partial<Readonly<Record<InheritedName, number>>>;

/** About what the records and strings of a plan take. */
const PLAN_BYTES = 64 * 1024;

/** Steps as records in memory, ready to be run by a clone; kept until the child has exec'd. */
export class EncodedSteps {
  readonly #name: ChildName;
  readonly #steps: readonly Step[];
  readonly #records: CallRecords;
  /** Copies of descriptors whose number is that of a slot: theirs would be overwritten before their turn comes. */
  readonly #copies: number[] = [];

  constructor(name: ChildName, steps: readonly Step[], inherited: Inherited) {
    this.#name = name;
    this.#steps = steps;
    const descriptors = this.#moveOutOfSlots(inherited);
    const arena = new Arena(PLAN_BYTES);
    this.#records = new CallRecords(arena, steps.length);
    for (let i = 0; i < steps.length; i++) {
      const { call, args, tolerates } = steps[i]!;
      this.#records.setCall(i, call, tolerates);
      for (let j = 0; j < args.length; j++) {
        this.#records.setArgument(i, j, encodeArgument(arena, args[j]!, descriptors));
      }
    }
  }

  /** Clones a child that runs the steps; flags are those of clone3(2). Throws SystemCallError. */
  clone(flags: number, cgroup?: number): Clone {
    try {
      return this.#records.clone(flags, cgroup);
    } finally {
      for (const fd of this.#copies) closeSync(fd);
    }
  }

  /** Throws StepFailure if the child has failed. */
  requireSuccess(clone: Clone): void {
    const failure = clone.failure();
    if (failure !== undefined) {
      throw new StepFailure(this.#name, this.#steps, clone, failure.index, failure.errno);
    }
  }

  #moveOutOfSlots(inherited: Inherited): Inherited {
    const entries = Object.entries(inherited).map(([name, fd]) => {
      if (fd > 2 && (fd < SLOTS.lifeline || fd >= SLOTS_END)) return [name, fd] as const;
      const copy = duplicate(fd, SLOTS_END);
      this.#copies.push(copy);
      return [name, copy] as const;
    });
    return Object.fromEntries(entries);
  }
}

/** An argument as the word that goes into a register: a number, or the address of what stands in the arena. */
function encodeArgument(arena: Arena, argument: Argument, inherited: Inherited): number {
  if (typeof argument === "number") return argument;
  if (typeof argument === "string") return arena.string(argument);
  if ("flags" in argument) return combineFlags(argument.flags);
  if ("mode" in argument) return argument.mode;
  if ("slot" in argument) return SLOTS[argument.slot];
  if ("vector" in argument) return arena.stringVector(argument.vector);
  if ("words" in argument)
    return arena.words(argument.words.map((word) => encodeArgument(arena, word, inherited)));
  if ("bytes" in argument) return arena.bytes(argument.bytes);
  const fd = inherited[argument.inherited];
  if (fd === undefined) throw new TypeError(`no descriptor is given for ${argument.inherited}`);
  return fd;
}

/** The or-ed constants. All that steps name have 31 bits; clone3's longer ones are not among them. */
function combineFlags(names: readonly (keyof typeof CONSTANTS)[]): number {
  let bits = 0;
  for (const name of names) bits |= CONSTANTS[name];
  return bits;
}
