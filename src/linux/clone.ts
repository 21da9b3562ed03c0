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

/** One system call of the child, its arguments already words. */
export interface CallRecord {
  readonly call: SyscallName;
  readonly words: readonly number[];
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

/** Sets a bit for each errno: they are numbers below 63, so that the mask stays positive. */
function setToleratedMask(view: DataView, offset: number, names: readonly ErrnoName[]): void {
  for (const name of names) {
    const errno = ERRNO[name];
    if (errno > 62) throw new TypeError(`${name} cannot be tolerated: its number is above 62`);
    const half = offset + (errno < 32 ? 0 : 4);
    view.setUint32(half, (view.getUint32(half, true) | (1 << (errno & 31))) >>> 0, true);
  }
}

/**
 * Clones a child that runs the calls. The arena holds what they point at, and the records: keep it until the
 * child has exec'd. `cgroup` is a descriptor of a cgroup2 directory that the child starts in.
 * Throws SystemCallError when clone3 itself fails.
 */
export function cloneChild(
  arena: Arena,
  calls: readonly CallRecord[],
  options: { readonly flags: number; readonly cgroup?: number | undefined },
): Clone {
  const records = arena.allocate((calls.length + 1) * RECORD_BYTES);
  const view = new DataView(records.bytes.buffer, records.bytes.byteOffset, records.bytes.length);
  const result = (record: number) => {
    const offset = record * RECORD_BYTES + RESULT_WORD * 8;
    return view.getInt32(offset, true); // An errno, positive or negative: the low half has it all.
  };

  calls.forEach(({ call, words, tolerates }, i) => {
    const offset = i * RECORD_BYTES;
    setWord(view, offset, ABI.syscalls[call]);
    for (let j = 0; j < words.length; j++) setWord(view, offset + (j + 1) * 8, words[j]!);
    setToleratedMask(view, offset + TOLERATED_WORD * 8, tolerates);
  });
  setWord(view, calls.length * RECORD_BYTES, -1);

  const intoCgroup = options.cgroup !== undefined;
  const flags = options.flags + (intoCgroup ? SCHED.CLONE_INTO_CGROUP : 0);
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
