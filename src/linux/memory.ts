import { ptr } from "bun:ffi";

/**
 * Memory whose address stays valid: strings, structures and pointer arrays for system calls.
 *
 * Only views over an explicit ArrayBuffer keep their address in Bun; small typed arrays and Buffers move when
 * `.buffer` is read or the code is optimised. Everything that the kernel or a child will read through a stored
 * address therefore comes from here, and the arena must stay referenced until they are done with it.
 */
export class Arena {
  readonly #chunkBytes: number;
  readonly #chunks: Buffer<ArrayBuffer>[] = [];
  #used = 0;
  #address = 0;

  /** `chunkBytes` is how much memory is taken at a time; a larger block gets memory of its own. */
  constructor(chunkBytes = 512) {
    this.#chunkBytes = chunkBytes;
  }

  /** The chunk with room for `size` more bytes at `#used`. */
  #reserve(size: number): Buffer<ArrayBuffer> {
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.#used + size <= last.length) return last;
    const chunk = Buffer.from(new ArrayBuffer(Math.max(size, this.#chunkBytes)));
    this.#chunks.push(chunk);
    this.#address = ptr(chunk);
    this.#used = 0;
    return chunk;
  }

  /** Takes `size` bytes of the chunk, and aligns what comes next to 8; returns their address. */
  #take(size: number): number {
    const address = this.#address + this.#used;
    this.#used = (this.#used + size + 7) & ~7;
    return address;
  }

  /** A zeroed block of `size` bytes, aligned to 8. */
  allocate(size: number): { address: number; bytes: Uint8Array<ArrayBuffer> } {
    const chunk = this.#reserve(Math.max(size, 1));
    const bytes = chunk.subarray(this.#used, this.#used + size);
    return { address: this.#take(Math.max(size, 1)), bytes };
  }

  /** Copies the bytes in and returns their address. */
  bytes(source: Uint8Array): number {
    const chunk = this.#reserve(source.length + 1);
    chunk.set(source, this.#used);
    return this.#take(source.length + 1);
  }

  /** A C string. Throws TypeError on a NUL, which would end it silently. */
  string(text: string): number {
    if (text.includes("\0")) throw new TypeError(`NUL in "${text.replaceAll("\0", "\\0")}"`);
    if (!text.isWellFormed()) return this.bytes(encodeBytes(text));
    const chunk = this.#reserve(text.length * UTF8_BYTES_PER_UNIT + 1);
    return this.#take(chunk.write(text, this.#used) + 1);
  }

  /** A NULL-terminated array of C strings: argv or envp. */
  stringVector(texts: readonly string[]): number {
    return this.words([...texts.map((text) => this.string(text)), 0]);
  }

  /** 64-bit words in native order; whole numbers of at most 53 bits, negative ones as two's complement. */
  words(values: readonly number[]): number {
    const { address, bytes } = this.allocate(values.length * 8);
    const halves = new Int32Array(bytes.buffer, bytes.byteOffset, values.length * 2);
    for (let i = 0; i < values.length; i++) setWord(halves, i, values[i]!);
    return address;
  }
}

/** A UTF-16 code unit takes three bytes of UTF-8 at most. */
const UTF8_BYTES_PER_UNIT = 3;
const TWO_TO_32 = 0x1_0000_0000;

/**
 * Writes the 64-bit word at `index` as two halves, the low one first as on both architectures. With BigInt a launch
 * would take half a millisecond longer.
 */
export function setWord(halves: Int32Array, index: number, value: number): void {
  halves[index * 2] = value;
  halves[index * 2 + 1] = Math.floor(value / TWO_TO_32);
}

const utf8 = new TextEncoder();
/** A lone low surrogate U+DC80 ... U+DCFF stands for the byte 0x80 ... 0xFF that was not UTF-8 (PEP 383). */
const ESCAPED_BYTE = /([\udc80-\udcff])/;

/** Text to the bytes it stands for; the inverse of decodeBytes. */
export function encodeBytes(text: string): Uint8Array {
  if (text.isWellFormed()) return utf8.encode(text);
  const parts = text.split(ESCAPED_BYTE).map((part) => {
    return ESCAPED_BYTE.test(part) && part.length === 1
      ? Uint8Array.of(part.charCodeAt(0) & 0xff)
      : utf8.encode(part);
  });
  return Buffer.concat(parts);
}

/** Bytes to text without loss: what is not UTF-8 becomes lone surrogates (PEP 383), as in Python's os.fsdecode. */
export function decodeBytes(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Not UTF-8 as a whole: keep each valid sequence, escape every other byte.
    let text = "";
    for (let i = 0; i < bytes.length;) {
      const length = utf8SequenceLength(bytes, i);
      text +=
        length > 0
          ? new TextDecoder().decode(bytes.subarray(i, i + length))
          : String.fromCharCode(0xdc00 + bytes[i]!);
      i += Math.max(length, 1);
    }
    return text;
  }
}

/** Length of the valid UTF-8 sequence that starts at `i`, or 0. */
function utf8SequenceLength(bytes: Uint8Array, i: number): number {
  const first = bytes[i]!;
  const length =
    first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || i + length > bytes.length) return 0;
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(i, i + length));
    return length;
  } catch {
    return 0;
  }
}
