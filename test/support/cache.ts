import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/**
 * A directory that is costly to make and the same for the same inputs: from this user's cache, else made now. It
 * appears whole or not at all; of two that are made at once one is kept. Safe to delete at any time.
 */
export async function provideCached(
  kind: string,
  inputs: object,
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const digest = createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 16);
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const directory = join(cache, "rnx", kind, digest);
  if (existsSync(directory)) return directory;
  mkdirSync(dirname(directory), { recursive: true });
  const part = mkdtempSync(join(dirname(directory), ".part-"));
  try {
    await make(part);
    if (!existsSync(directory)) renameSync(part, directory);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return directory;
}
