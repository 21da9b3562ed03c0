import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { RnxError } from "./errors.ts";
import { formatSize } from "./units.ts";

/**
 * The contents of a regular file of at most `maxBytes`. A FIFO does not block, and a device or a huge sparse file is
 * not read: RnxError. Other failures as node:fs throws them.
 */
export function readRegularFile(path: string, maxBytes: number): Buffer<ArrayBuffer> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new RnxError(`${path} is not a regular file`);
    if (stat.size > maxBytes) throw new RnxError(`${path} is larger than ${formatSize(maxBytes)}`);
    const buffer = Buffer.allocUnsafe(stat.size);
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(fd, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

const CHUNK_BYTES = 2 ** 20;

/** Copies from one descriptor's position to another's, at most `maxBytes`; a file may grow while it is copied. */
export function copyBytes(source: number, target: number, maxBytes = Infinity): void {
  const chunk = Buffer.allocUnsafe(Math.min(maxBytes, CHUNK_BYTES));
  for (let remaining = maxBytes; remaining > 0;) {
    const length = readSync(source, chunk, 0, Math.min(remaining, chunk.length), null);
    if (length === 0) return;
    for (let written = 0; written < length;) written += writeSync(target, chunk, written, length - written);
    remaining -= length;
  }
}
