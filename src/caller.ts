import { readFileSync } from "node:fs";

/**
 * What the caller gave, without loss. Bun decodes arguments and environment as UTF-8 and puts U+FFFD where that
 * fails; only then are they read again from /proc, where the bytes are (decodeBytes keeps them).
 */

/** The arguments after the program's name. */
export async function readArguments(): Promise<readonly string[]> {
  const given = process.argv.slice(2);
  if (!given.some(isLossy)) return given;
  return (await readNulSeparated("/proc/self/cmdline")).slice(-given.length);
}

/** The environment, its values exact. */
export async function readEnvironment(): Promise<Readonly<Record<string, string | undefined>>> {
  if (!Object.entries(process.env).some(([key, value]) => isLossy(key) || isLossy(value ?? "")))
    return process.env;
  const entries = await readNulSeparated("/proc/self/environ");
  return Object.fromEntries(
    entries.map((entry) => {
      const end = entry.indexOf("=");
      return [entry.slice(0, end), entry.slice(end + 1)];
    }),
  );
}

function isLossy(text: string): boolean {
  return text.includes("\ufffd") || !text.isWellFormed();
}

async function readNulSeparated(path: string): Promise<string[]> {
  const { decodeBytes } = await import("./linux/memory.ts");
  return decodeBytes(readFileSync(path)).split("\0").slice(0, -1);
}
