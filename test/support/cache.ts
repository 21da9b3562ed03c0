import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

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
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "rnx", kind);
  const directory = join(cache, digest);
  if (existsSync(directory)) {
    utimesSync(directory, new Date(), new Date());
    return directory;
  }
  mkdirSync(cache, { recursive: true });
  removeUnused(cache);
  const part = mkdtempSync(join(cache, ".part-"));
  try {
    await make(part);
    if (!existsSync(directory)) renameSync(part, directory);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return directory;
}

/** What no run has used for a month: of old inputs, and of a making that was killed. */
function removeUnused(cache: string): void {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (Date.now() - statSync(path).mtimeMs > 30 * 24 * 3600_000)
      rmSync(path, { recursive: true, force: true });
  }
}
