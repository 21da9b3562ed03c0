import { describe, expect, test } from "bun:test";
import { Arena, decodeBytes, encodeBytes } from "../../../src/linux/memory.ts";

describe("bytes that are not UTF-8", () => {
  const cases: readonly (readonly [name: string, bytes: readonly number[]])[] = [
    ["lone continuation and invalid bytes", [0xff, 0xfe]],
    ["a truncated sequence at the end", [0x61, 0xe2, 0x82]],
    ["an overlong form", [0xc0, 0x80]],
    ["an encoded surrogate", [0xed, 0xb2, 0x80]],
    ["mixed with text", [0x61, 0xff, 0xc3, 0xa9, 0x80, 0x7a]],
    ["beyond U+10FFFF", [0xf5, 0x80, 0x80, 0x80]],
  ];
  for (const [name, bytes] of cases) {
    test(`survive: ${name}`, () => {
      const text = decodeBytes(Uint8Array.from(bytes));
      expect([...encodeBytes(text)]).toEqual([...bytes]);
    });
  }

  test("every pair of bytes survives", () => {
    for (let first = 0x80; first < 0x100; first++) {
      for (let second = 0; second < 0x100; second++) {
        const bytes = Uint8Array.of(first, second);
        expect([...encodeBytes(decodeBytes(bytes))]).toEqual([first, second]);
      }
    }
  });

  test("text that is UTF-8 is itself, a byte order mark included", () => {
    const text = "\ufeffgrün 😀";
    expect(decodeBytes(encodeBytes(text))).toBe(text);
  });
});

describe("an arena", () => {
  test("gives each block an address of its own, aligned to 8", () => {
    const arena = new Arena(64);
    const addresses = [1, 7, 8, 40, 100, 1].map((size) => arena.allocate(size).address);
    expect(new Set(addresses).size).toBe(addresses.length);
    expect(addresses.filter((address) => address % 8 !== 0)).toEqual([]);
  });

  test("refuses a NUL in a string, which would end it silently", () => {
    expect(() => new Arena().string("a\0b")).toThrow(TypeError);
  });
});
