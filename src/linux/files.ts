import { FCNTL, FLOCK } from "./constants.ts";
import { ERRNO } from "./errno.ts";
import { Arena } from "./memory.ts";
import { syscall, SystemCallError, trySyscall } from "./syscall.ts";

/** Calls that restart themselves when a signal interrupts them. */
function retryOnEintr(call: () => number): number {
  for (;;) {
    const result = call();
    if (result !== -ERRNO.EINTR) return result;
  }
}

/**
 * Opens a path below a directory descriptor under the rules of openat2(2): `resolve` is a mask of RESOLVE_ flags.
 * Always close-on-exec. Throws SystemCallError.
 */
export function openat2(
  directory: number,
  path: string,
  how: { readonly flags: number; readonly mode?: number; readonly resolve?: number },
): number {
  const arena = new Arena();
  const openHow = arena.words([how.flags | FCNTL.O_CLOEXEC, how.mode ?? 0, how.resolve ?? 0]);
  const address = arena.string(path);
  const result = retryOnEintr(() => trySyscall("openat2", directory, address, openHow, OPEN_HOW_BYTES));
  if (result < 0) throw new SystemCallError("openat2", -result, path);
  return result;
}

const OPEN_HOW_BYTES = 24;

/** flock(2). With LOCK_NB returns false when somebody else holds the lock. */
export function flock(fd: number, operation: number): boolean {
  const result = retryOnEintr(() => trySyscall("flock", fd, operation));
  if (result === -ERRNO.EAGAIN && (operation & FLOCK.LOCK_NB) !== 0) return false;
  if (result < 0) throw new SystemCallError("flock", -result);
  return true;
}

/** A copy of the descriptor with the lowest free number that is at least `minimum`, close-on-exec. */
export function duplicate(fd: number, minimum = 3): number {
  return syscall("fcntl", fd, FCNTL.F_DUPFD_CLOEXEC, minimum);
}

/** A pipe, close-on-exec at both ends. */
export function pipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const { address, bytes } = new Arena().allocate(8);
  syscall("pipe2", address, FCNTL.O_CLOEXEC);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { readEnd: view.getInt32(0, true), writeEnd: view.getInt32(4, true) };
}

/**
 * Waits until the descriptor is ready for one of `events` (POLL mask) or `timeoutMs` have passed; blocks the thread.
 * Returns the events that hold, 0 at the timeout.
 */
export function poll(fd: number, events: number, timeoutMs: number): number {
  const { address, bytes } = new Arena().allocate(8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setInt32(0, fd, true);
  view.setInt16(4, events, true);
  const timeout = new Arena().words([Math.floor(timeoutMs / 1000), (timeoutMs % 1000) * 1_000_000]);
  const ready = trySyscall("ppoll", address, 1, timeout, 0, 0);
  if (ready === -ERRNO.EINTR) return 0;
  if (ready < 0) throw new SystemCallError("ppoll", -ready);
  return view.getInt16(6, true);
}

/** The magic number of the file system that holds the path (statfs(2) f_type, as in linux/magic.h). */
export function fileSystemType(path: string): number {
  const arena = new Arena();
  const { address, bytes } = arena.allocate(STATFS_BYTES);
  const result = trySyscall("statfs", arena.string(path), address);
  if (result < 0) throw new SystemCallError("statfs", -result, path);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0, true);
}

/** struct statfs of 64-bit Linux. */
const STATFS_BYTES = 120;
