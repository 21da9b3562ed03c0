/**
 * A child process that runs a list of system calls and nothing else.
 *
 * The parent lays the calls out in memory as records; the stub (abi-*.ts) makes clone3(2) and, in the child,
 * walks the records until one of them is an execve that succeeds. The child touches no stack, no libc and no
 * JavaScript, so it does not matter that Bun has threads and that, under CLONE_VM, the memory is the parent's own.
 *
 * A record is nine 64-bit words: number, six arguments, tolerated, result.
 *   number     the system call's number; negative ends the list, and the child exits with 127
 *   tolerated  bit N set: when the call fails with errno N, go on with the next record
 *   result     0; +errno of a failure that was tolerated; -errno of the failure that ended the child
 */
import { ABI, type SyscallName } from "./abi.ts";
import { SCHED, SIGNAL } from "./constants.ts";
import { ERRNO } from "./errno.ts";
import { type Arena, setWord } from "./memory.ts";
import { type ErrnoName, getStubs, SystemCallError } from "./syscall.ts";

/** The running child, and what became of its calls: read `failure` once it has exec'd or ended. */
export interface Clone {
  readonly pid: number;
  /** The call that ended the child, or undefined. */
  failure(): { readonly index: number; readonly errno: number } | undefined;
  /** The errno of a failure that the record tolerated, or 0. */
  toleratedErrno(index: number): number;
}

const RECORD_WORDS = 9;
const TOLERATED_WORD = 7;
const RESULT_WORD = 8;
/** The largest errno that has a bit in a mask that must stay positive. */
const TOLERABLE_ERRNO = 62;
/** struct clone_args up to and including `cgroup` (CLONE_ARGS_SIZE_VER2). */
const CLONE_ARGS_BYTES = 88;

/** The calls of one child, laid out in an arena. */
export class CallRecords {
  readonly #arena: Arena;
  readonly #address: number;
  /** The words of the records, each as two halves. */
  readonly #halves: Int32Array;
  readonly #count: number;

  constructor(arena: Arena, count: number) {
    const { address, bytes } = arena.allocate((count + 1) * RECORD_WORDS * 8);
    this.#arena = arena;
    this.#address = address;
    this.#count = count;
    this.#halves = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    setWord(this.#halves, count * RECORD_WORDS, -1);
  }

  /** Sets the call of a record, and the failures after which the next one follows. */
  setCall(index: number, call: SyscallName, tolerates: readonly ErrnoName[]): void {
    setWord(this.#halves, index * RECORD_WORDS, ABI.syscalls[call]);
    for (const name of tolerates) this.#tolerate(index, name);
  }

  #tolerate(index: number, name: ErrnoName): void {
    const errno = ERRNO[name];
    if (errno > TOLERABLE_ERRNO) throw new TypeError(`${name} cannot be tolerated: its number is too large`);
    const half = (index * RECORD_WORDS + TOLERATED_WORD) * 2 + (errno >> 5);
    this.#halves[half]! |= 1 << (errno & 31);
  }

  /** Sets one of a record's arguments, counted from 0. */
  setArgument(index: number, position: number, word: number): void {
    setWord(this.#halves, index * RECORD_WORDS + 1 + position, word);
  }

  /**
   * Clones a child that runs the calls, once. `flags` are those of clone3(2), `cgroup` a descriptor of a cgroup2
   * directory that the child starts in. The arena must stay referenced until the child has exec'd or ended.
   * Throws SystemCallError when clone3 itself fails.
   */
  clone(flags: number, cgroup?: number): Clone {
    const allFlags = flags + (cgroup === undefined ? 0 : SCHED.CLONE_INTO_CGROUP);
    // flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup
    const words = [allFlags, 0, 0, 0, SIGNAL.SIGCHLD, 0, 0, 0, 0, 0, cgroup ?? 0];
    const pid = Number(getStubs().clone(this.#address, this.#arena.words(words), CLONE_ARGS_BYTES));
    if (pid < 0) throw new SystemCallError("clone3", -pid);
    return {
      pid,
      failure: () => this.#findFailure(),
      toleratedErrno: (index) => Math.max(this.#result(index), 0),
    };
  }

  #findFailure(): { readonly index: number; readonly errno: number } | undefined {
    for (let index = 0; index < this.#count; index++) {
      const result = this.#result(index);
      if (result < 0) return { index, errno: -result };
    }
    return undefined;
  }

  /** An errno, positive or negative: the low half has it all. */
  #result(index: number): number {
    return this.#halves[(index * RECORD_WORDS + RESULT_WORD) * 2]!;
  }
}
