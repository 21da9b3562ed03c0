import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { errorCode } from "../errors.ts";

const READ_BYTES = 4096;

/**
 * Writes a file of the kernel (cgroup, /proc/sys) and returns what it then reads, without the last newline. Never
 * creates: the mode is r+, so a controller that is not there is ENOENT and not an ordinary file on the tmpfs
 * that holds the hierarchies of a hybrid host. Throws the error of node:fs.
 */
export function writeKernelFile(path: string, value: string): string {
  const fd = openSync(path, "r+");
  try {
    writeSync(fd, value);
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    return buffer.toString("latin1", 0, readSync(fd, buffer, 0, READ_BYTES, 0)).trimEnd();
  } finally {
    closeSync(fd);
  }
}

/** Writes a file of the kernel that cannot be read: cgroup.kill. Never creates. */
export function triggerKernelFile(path: string, value: string): void {
  const fd = openSync(path, "r+");
  try {
    writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
}

/** The content without the last newline, or undefined when the file, or the cgroup it belongs to, is gone. */
export function findKernelFile(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1").trimEnd();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** No such file; or ENODEV, which an open file of a cgroup gives once the cgroup is removed. */
export function isGone(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOENT" || code === "ENODEV";
}

/** The number after `key` in a flat keyed file such as memory.events, or undefined. */
export function findKeyed(text: string | undefined, key: string): number | undefined {
  for (const line of text?.split("\n") ?? []) {
    const [name, value] = line.split(" ");
    if (name === key && value !== undefined) return Number(value);
  }
  return undefined;
}
