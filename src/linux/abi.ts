import { ARM64 } from "./abi-arm64.ts";
import { X64 } from "./abi-x64.ts";
import type { SYSCALLS_ARM64, SYSCALLS_X64 } from "./syscalls.ts";

/** A system call that both architectures have. */
export type SyscallName = keyof typeof SYSCALLS_X64 & keyof typeof SYSCALLS_ARM64;

/** What differs between the architectures. Machine code is position independent, as hexadecimal text. */
export interface Abi {
  readonly syscalls: Readonly<Record<SyscallName, number>>;
  readonly elfMachine: number;
  readonly syscallStub: string;
  readonly cloneStub: string;
  readonly pauseProgram: string;
}

/** The architecture this program was built for. */
export const ABI: Abi = process.arch === "arm64" ? ARM64 : X64;
