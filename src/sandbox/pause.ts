import type { Abi } from "../linux/abi.ts";

const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const LOAD_ADDRESS = 0x40_0000n;
const PAGE_BYTES = 4096n;

/**
 * PID 1 of a sandbox: the smallest static program that waits for the end of its standard input, elf(5).
 *
 * Its standard input is the lifeline, a pipe whose other end only the supervisor holds. When the supervisor ends,
 * however that happens, the read ends, PID 1 exits, and the kernel kills everything in the pid namespace. It runs
 * with SIGCHLD ignored, so the kernel reaps orphans for it.
 */
export function makePauseProgram(abi: Abi): Uint8Array {
  const code = Buffer.from(abi.pauseProgram, "hex");
  const start = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;
  const elf = Buffer.alloc(start + code.length);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(elf); // ELF, 64 bit, little-endian, version 1
  elf.writeUInt16LE(2, 16); // e_type ET_EXEC
  elf.writeUInt16LE(abi.elfMachine, 18);
  elf.writeUInt32LE(1, 20); // e_version
  elf.writeBigUInt64LE(LOAD_ADDRESS + BigInt(start), 24); // e_entry
  elf.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32); // e_phoff
  elf.writeUInt16LE(ELF_HEADER_BYTES, 52); // e_ehsize
  elf.writeUInt16LE(PROGRAM_HEADER_BYTES, 54); // e_phentsize
  elf.writeUInt16LE(1, 56); // e_phnum
  elf.writeUInt32LE(1, 64); // p_type PT_LOAD
  elf.writeUInt32LE(5, 68); // p_flags PF_R | PF_X
  elf.writeBigUInt64LE(LOAD_ADDRESS, 80); // p_vaddr
  elf.writeBigUInt64LE(LOAD_ADDRESS, 88); // p_paddr
  elf.writeBigUInt64LE(BigInt(elf.length), 96); // p_filesz
  elf.writeBigUInt64LE(BigInt(elf.length), 104); // p_memsz
  elf.writeBigUInt64LE(PAGE_BYTES, 112); // p_align
  code.copy(elf, start);
  return elf;
}
