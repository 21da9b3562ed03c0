import type { Abi } from "./abi.ts";
import { SYSCALLS_ARM64 } from "./syscalls.ts";

/** What differs on arm64. Instructions are little-endian words. The kernel takes the number in x8 and changes x0 alone. */
export const ARM64: Abi = {
  syscalls: SYSCALLS_ARM64,
  elfMachine: 183, // EM_AARCH64
  // long syscall(nr, a0 ... a5) -> value or -errno
  syscallStub:
    "e80300aa" + // mov x8, x0
    "e00301aa" + // mov x0, x1
    "e10302aa" + // mov x1, x2
    "e20303aa" + // mov x2, x3
    "e30304aa" + // mov x3, x4
    "e40305aa" + // mov x4, x5
    "e50306aa" + // mov x5, x6
    "010000d4" + // svc #0
    "c0035fd6", // ret
  // long clone(record *first, clone_args *args, size_t size); see clone.ts for the record.
  cloneStub:
    "e90300aa" + // mov x9, x0
    "e00301aa" + // mov x0, x1
    "e10302aa" + // mov x1, x2
    "683680d2" + // mov x8, #435 (clone3)
    "010000d4" + // svc #0
    "400000b4" + // cbz x0, next
    "c0035fd6" + // ret
    "280140f9" + // next: ldr x8, [x9]
    "e801f8b7" + // tbnz x8, #63, done
    "208540a9" + // ldp x0, x1, [x9, #8]
    "228d41a9" + // ldp x2, x3, [x9, #24]
    "249542a9" + // ldp x4, x5, [x9, #40]
    "010000d4" + // svc #0
    "1ffc3fb1" + // cmn x0, #4095
    "83010054" + // b.lo ok
    "ea0300cb" + // neg x10, x0
    "2a2100f9" + // str x10, [x9, #64]
    "5ffd00f1" + // cmp x10, #63
    "88000054" + // b.hi fatal
    "2b1d40f9" + // ldr x11, [x9, #56]
    "6b25ca9a" + // lsr x11, x11, x10
    "ab000037" + // tbnz x11, #0, ok
    "202100f9" + // fatal: str x0, [x9, #64]
    "e00f80d2" + // done: mov x0, #127
    "c80b80d2" + // mov x8, #94 (exit_group)
    "010000d4" + // svc #0
    "29210191" + // ok: add x9, x9, #72
    "ecffff17", // b next
  // Reads descriptor 0 until its end, then exits with 0; a signal (EINTR) does not end the wait.
  pauseProgram:
    "000080d2" + // wait: mov x0, #0
    "e14300d1" + // sub x1, sp, #16
    "220080d2" + // mov x2, #1
    "e80780d2" + // mov x8, #63 (read)
    "010000d4" + // svc #0
    "1f1000b1" + // cmn x0, #EINTR
    "40ffff54" + // b.eq wait
    "000080d2" + // mov x0, #0
    "c80b80d2" + // mov x8, #94 (exit_group)
    "010000d4", // svc #0
};
