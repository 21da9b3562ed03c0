import { Arena, decodeBytes } from "./memory.ts";
import { syscall } from "./syscall.ts";

/** PATH_MAX of linux/limits.h. */
const PATH_MAX = 4096;

/** The target of the symbolic link `name` in an open directory, readlinkat(2). Throws SystemCallError. */
export function readLinkAt(directory: number, name: string): string {
  const arena = new Arena();
  const { address, bytes } = arena.allocate(PATH_MAX);
  const length = syscall("readlinkat", directory, arena.string(name), address, PATH_MAX);
  return decodeBytes(bytes.subarray(0, length));
}
