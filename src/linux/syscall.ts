import { dlopen, FFIType, linkSymbols, toArrayBuffer } from "bun:ffi";
import { ABI, type SyscallName } from "./abi.ts";
import { MMAN } from "./constants.ts";
import { ERRNO, ERRNO_NAMES } from "./errno.ts";

export type ErrnoName = keyof typeof ERRNO;

/** "ENOENT" for 2; "errno 4000" for a number that errno.h does not have. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES[errno] || `errno ${errno}`;
}

/** A system call failed. `code` is the name, as in the errors of node:fs. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly code: string;
  readonly call: string;
  readonly errno: number;
  readonly path: string | undefined;

  constructor(call: string, errno: number, path?: string) {
    super(`${call}${path === undefined ? "" : ` ${path}`}: ${errnoName(errno)} (${errno})`);
    this.call = call;
    this.errno = errno;
    this.path = path;
    this.code = errnoName(errno);
  }
}

const PAGE_BYTES = 4096;
/** Where the second stub starts in the page; the first is shorter. */
const CLONE_STUB_OFFSET = 256;

/**
 * Machine code of this program, called from TypeScript: the two stubs of the architecture, in one page.
 *
 * libc is needed to get the page and for nothing else: its calls report through errno, which lives in thread
 * storage that JavaScript cannot read safely. The stub returns the kernel's own answer.
 */
function makeStubs() {
  const libc = dlopen("libc.so.6", {
    mmap: {
      args: [FFIType.u64, FFIType.u64, FFIType.i32, FFIType.i32, FFIType.i32, FFIType.i64],
      returns: FFIType.ptr,
    },
    mprotect: { args: [FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  } as const).symbols;
  const flags = MMAN.MAP_PRIVATE | MMAN.MAP_ANONYMOUS;
  const page = libc.mmap(0, PAGE_BYTES, MMAN.PROT_READ | MMAN.PROT_WRITE, flags, -1, 0);
  if (page === null) throw new SystemCallError("mmap", ERRNO.ENOMEM);
  const bytes = new Uint8Array(toArrayBuffer(page, 0, PAGE_BYTES));
  bytes.set(Buffer.from(ABI.syscallStub, "hex"), 0);
  bytes.set(Buffer.from(ABI.cloneStub, "hex"), CLONE_STUB_OFFSET);
  if (libc.mprotect(page, PAGE_BYTES, MMAN.PROT_READ | MMAN.PROT_EXEC) !== 0) {
    throw new SystemCallError("mprotect", ERRNO.EACCES);
  }
  const { i64, i64_fast: result } = FFIType;
  return linkSymbols({
    syscall: { ptr: page, args: [i64, i64, i64, i64, i64, i64, i64], returns: result },
    clone: { ptr: BigInt(page) + BigInt(CLONE_STUB_OFFSET), args: [i64, i64, i64], returns: result },
  } as const).symbols;
}

let stubs: ReturnType<typeof makeStubs> | undefined;

/** The architecture's stubs, made at the first call (0.3 ms). */
export function getStubs(): ReturnType<typeof makeStubs> {
  return (stubs ??= makeStubs());
}

/** Makes a system call and returns the kernel's answer: a value, or -errno. */
export function trySyscall(
  name: SyscallName,
  a: number = 0,
  b: number = 0,
  c: number = 0,
  d: number = 0,
  e: number = 0,
  f: number = 0,
): number {
  return Number(getStubs().syscall(ABI.syscalls[name], a, b, c, d, e, f));
}

/** Makes a system call; throws SystemCallError when the kernel refuses. */
export function syscall(name: SyscallName, ...words: readonly number[]): number {
  const [a, b, c, d, e, f] = words;
  const result = trySyscall(name, a, b, c, d, e, f);
  if (result < 0) throw new SystemCallError(name, -result);
  return result;
}
