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
import type { Arena } from "./memory.ts";
import { type ErrnoName, getStubs, SystemCallError, type Word } from "./syscall.ts";

/** One system call of the child, its arguments already words. */
export interface CallRecord {
  readonly call: SyscallName;
  readonly words: readonly Word[];
  readonly tolerates: readonly ErrnoName[];
}

/** The running child, and what became of its calls: read `failure` once it has exec'd or ended. */
export interface Clone {
  readonly pid: number;
  /** The call that ended the child, or undefined. */
  failure(): { readonly index: number; readonly errno: number } | undefined;
  /** The errno of a failure that the record tolerated, or 0. */
  toleratedErrno(index: number): number;
}

const RECORD_WORDS = 9;
const RECORD_BYTES = RECORD_WORDS * 8;
const TOLERATED_WORD = 7;
const RESULT_WORD = 8;
/** struct clone_args up to and including `cgroup` (CLONE_ARGS_SIZE_VER2). */
const CLONE_ARGS_BYTES = 88;

function toleratedMask(names: readonly ErrnoName[]): bigint {
  let mask = 0n;
  for (const name of names) {
    if (ERRNO[name] > 62) throw new TypeError(`${name} cannot be tolerated: errno above 62`);
    mask |= 1n << BigInt(ERRNO[name]);
  }
  return mask;
}

/**
 * Clones a child that runs the calls. The arena holds what they point at, and the records: keep it until the
 * child has exec'd. `cgroup` is a descriptor of a cgroup2 directory that the child starts in.
 * Throws SystemCallError when clone3 itself fails.
 */
export function cloneChild(
  arena: Arena,
  calls: readonly CallRecord[],
  options: { readonly flags: number | bigint; readonly cgroup?: number | undefined },
): Clone {
  const records = arena.allocate((calls.length + 1) * RECORD_BYTES);
  const view = new DataView(records.bytes.buffer, records.bytes.byteOffset, records.bytes.length);
  const setWord = (record: number, word: number, value: Word) =>
    view.setBigInt64(record * RECORD_BYTES + word * 8, BigInt.asIntN(64, BigInt(value)), true);
  const result = (record: number) => Number(view.getBigInt64(record * RECORD_BYTES + RESULT_WORD * 8, true));

  calls.forEach(({ call, words, tolerates }, i) => {
    setWord(i, 0, ABI.syscalls[call]);
    words.forEach((word, j) => setWord(i, j + 1, word));
    setWord(i, TOLERATED_WORD, toleratedMask(tolerates));
  });
  setWord(calls.length, 0, -1);

  const intoCgroup = options.cgroup !== undefined;
  const flags = BigInt(options.flags) | (intoCgroup ? BigInt(SCHED.CLONE_INTO_CGROUP) : 0n);
  // flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup
  const cloneArgs = arena.words([flags, 0, 0, 0, SIGNAL.SIGCHLD, 0, 0, 0, 0, 0, options.cgroup ?? 0]);
  const pid = Number(getStubs().clone(records.address, cloneArgs, CLONE_ARGS_BYTES));
  if (pid < 0) throw new SystemCallError("clone3", -pid);

  return {
    pid,
    failure() {
      const index = calls.findIndex((_, i) => result(i) < 0);
      return index < 0 ? undefined : { index, errno: -result(index) };
    },
    toleratedErrno: (index) => Math.max(result(index), 0),
  };
}
