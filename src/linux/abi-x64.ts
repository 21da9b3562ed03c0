import type { Abi } from "./abi.ts";
import { SYSCALLS_X64 } from "./syscalls.ts";

/** What differs on x86-64. System V calling convention: rdi rsi rdx rcx r8 r9, then the stack. */
export const X64: Abi = {
  syscalls: SYSCALLS_X64,
  elfMachine: 62, // EM_X86_64
  // long syscall(nr, a0 ... a5) -> value or -errno; the kernel wants a3 in r10 and clobbers rcx, r11.
  syscallStub:
    "4889f8" + // mov rax, rdi
    "4889f7" + // mov rdi, rsi
    "4889d6" + // mov rsi, rdx
    "4889ca" + // mov rdx, rcx
    "4d89c2" + // mov r10, r8
    "4d89c8" + // mov r8, r9
    "4c8b4c2408" + // mov r9, [rsp+8]
    "0f05" + // syscall
    "c3", // ret
  // long clone(record *first, clone_args *args, size_t size); see clone.ts for the record.
  cloneStub:
    "53" + // push rbx
    "4889fb" + // mov rbx, rdi
    "4889f7" + // mov rdi, rsi
    "4889d6" + // mov rsi, rdx
    "b8b3010000" + // mov eax, 435 (clone3)
    "0f05" + // syscall
    "4885c0" + // test rax, rax
    "7402" + // jz next
    "5b" + // pop rbx
    "c3" + // ret
    // next: the child's loop; rbx is the record
    "488b03" + // mov rax, [rbx]
    "4885c0" + // test rax, rax
    "783d" + // js done
    "488b7b08" + // mov rdi, [rbx+8]
    "488b7310" + // mov rsi, [rbx+16]
    "488b5318" + // mov rdx, [rbx+24]
    "4c8b5320" + // mov r10, [rbx+32]
    "4c8b4328" + // mov r8, [rbx+40]
    "4c8b4b30" + // mov r9, [rbx+48]
    "0f05" + // syscall
    "483d01f0ffff" + // cmp rax, -4095
    "7227" + // jb ok
    "48f7d8" + // neg rax
    "48894340" + // mov [rbx+64], rax
    "4883f83f" + // cmp rax, 63
    "770a" + // ja fatal
    "488b5338" + // mov rdx, [rbx+56]
    "480fa3c2" + // bt rdx, rax
    "7210" + // jc ok
    "48f75b40" + // fatal: neg qword [rbx+64]
    "bf7f000000" + // done: mov edi, 127
    "b8e7000000" + // mov eax, 231 (exit_group)
    "0f05" + // syscall
    "4883c348" + // ok: add rbx, 72
    "eba9", // jmp next
  // Reads descriptor 0 until its end, then exits with 0; a signal (EINTR) does not end the wait.
  pauseProgram:
    "31c0" + // wait: xor eax, eax (read)
    "31ff" + // xor edi, edi
    "488d7424f8" + // lea rsi, [rsp-8]
    "ba01000000" + // mov edx, 1
    "0f05" + // syscall
    "4883f8fc" + // cmp rax, -EINTR
    "74ea" + // je wait
    "31ff" + // xor edi, edi
    "b8e7000000" + // mov eax, 231 (exit_group)
    "0f05", // syscall
};
