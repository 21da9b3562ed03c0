import type { Abi } from "./abi.ts";
import { SYSCALLS_ARM64 } from "./syscalls.ts";

/** One A64 instruction as the little-endian bytes that stand in memory. */
const instruction = (word: string) => word.match(/../g)!.reverse().join("");

/** What differs on arm64. AAPCS64: x0 ... x7; the kernel takes the number in x8 and changes x0 alone. */
export const ARM64: Abi = {
  syscalls: SYSCALLS_ARM64,
  elfMachine: 183, // EM_AARCH64
  // long syscall(nr, a0 ... a5) -> value or -errno
  syscallStub: [
    "aa0003e8", // mov x8, x0
    "aa0103e0", // mov x0, x1
    "aa0203e1", // mov x1, x2
    "aa0303e2", // mov x2, x3
    "aa0403e3", // mov x3, x4
    "aa0503e4", // mov x4, x5
    "aa0603e5", // mov x5, x6
    "d4000001", // svc #0
    "d65f03c0", // ret
  ]
    .map(instruction)
    .join(""),
  // long clone(record *first, clone_args *args, size_t size); see clone.ts for the record.
  cloneStub: [
    "aa0003e9", // mov x9, x0
    "aa0103e0", // mov x0, x1
    "aa0203e1", // mov x1, x2
    "d2803668", // mov x8, #435 (clone3)
    "d4000001", // svc #0
    "b4000040", // cbz x0, next
    "d65f03c0", // ret
    "f9400128", // next: ldr x8, [x9]
    "b7f801e8", // tbnz x8, #63, done
    "a9408520", // ldp x0, x1, [x9, #8]
    "a9418d22", // ldp x2, x3, [x9, #24]
    "a9429524", // ldp x4, x5, [x9, #40]
    "d4000001", // svc #0
    "b13ffc1f", // cmn x0, #4095
    "54000183", // b.lo ok
    "cb0003ea", // neg x10, x0
    "f900212a", // str x10, [x9, #64]
    "f100fd5f", // cmp x10, #63
    "54000088", // b.hi fatal
    "f9401d2b", // ldr x11, [x9, #56]
    "9aca256b", // lsr x11, x11, x10
    "370000ab", // tbnz x11, #0, ok
    "f9002120", // fatal: str x0, [x9, #64]
    "d2800fe0", // done: mov x0, #127
    "d2800bc8", // mov x8, #94 (exit_group)
    "d4000001", // svc #0
    "91012129", // ok: add x9, x9, #72
    "17ffffec", // b next
  ]
    .map(instruction)
    .join(""),
  // Reads descriptor 0 until its end, then exits with 0; a signal (EINTR) does not end the wait.
  pauseProgram: [
    "d2800000", // wait: mov x0, #0
    "d10043e1", // sub x1, sp, #16
    "d2800022", // mov x2, #1
    "d28007e8", // mov x8, #63 (read)
    "d4000001", // svc #0
    "b100101f", // cmn x0, #EINTR
    "54ffff40", // b.eq wait
    "d2800000", // mov x0, #0
    "d2800bc8", // mov x8, #94 (exit_group)
    "d4000001", // svc #0
  ]
    .map(instruction)
    .join(""),
};
