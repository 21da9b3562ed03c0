import { $ } from "bun";

/**
 * The Debian archive this host's apt uses, asked of apt itself: it knows both formats of its sources.
 * RNX_TEST_DEBIAN_ARCHIVE names one where the host has none (Ubuntu).
 */
export async function findDebianArchive(): Promise<string> {
  const chosen = process.env["RNX_TEST_DEBIAN_ARCHIVE"];
  if (chosen) return chosen;
  const indexes = await $`apt-get update --print-uris`.nothrow().quiet().text();
  const found = new Set(Array.from(indexes.matchAll(MAIN_INDEX), ([, archive]) => archive ?? ""));
  const archive = [...found].find((uri) => /\/debian$/.test(uri)) ?? [...found][0];
  if (archive === undefined) {
    throw new Error("no Debian archive in apt's sources; name one in RNX_TEST_DEBIAN_ARCHIVE");
  }
  return archive;
}

/** «'ARCHIVE/dists/SUITE/main/binary-ARCH/Packages...'»; suites with a hyphen are updates and the like. */
const MAIN_INDEX = /^'(\S+)\/dists\/[a-z]+\/main\/binary-[a-z0-9]+\/Packages/gm;

/** How this host's apt reaches its archives (proxy, certificates, checks of dates), as mmdebstrap's --aptopt. */
export async function listAptOptions(): Promise<string[]> {
  const settings = await $`apt-config dump`.nothrow().quiet().text();
  return settings
    .split("\n")
    .filter((line) => /^Acquire::(https?|Check-|Retries|ForceIPv)\S* "[^"]+";$/.test(line))
    .map((line) => `--aptopt=${line}`);
}
