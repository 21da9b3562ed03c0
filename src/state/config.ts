import { existsSync } from "node:fs";
import { join } from "node:path";
import type { MinimumFree } from "./free-disk.ts";
import type { IdRanges } from "./leases.ts";
import { getHome } from "./paths.ts";

/** What the host's owner has set: rnx.yml, complete with the defaults. */
export interface Config {
  /** The file, for messages about what is checked later; undefined when there is none. */
  readonly path: string | undefined;
  readonly autoUpload: boolean;
  readonly minFree: MinimumFree;
  /** Shares of the host that all jobs together can use. */
  readonly ceiling: { readonly memoryPercent: number; readonly processesPercent: number };
  readonly ids: IdRanges;
  /** Flags of `job run` by their names, without the hyphens; checked where the flags are. */
  readonly defaults: Readonly<Record<string, FlagDefault>>;
  readonly logMaxBytes: number;
  /** Older jobs that are over may go; undefined: they stay. */
  readonly pruneOlderMs: number | undefined;
  /** Checked by what uses them. */
  readonly network: Readonly<Record<string, unknown>>;
  readonly schedule: Readonly<Record<string, unknown>>;
  readonly sources: Readonly<Record<string, unknown>>;
}

/** The value of a flag in rnx.yml. */
export type FlagDefault = string | number | boolean | readonly string[];

export const DEFAULT_CONFIG: Config = Object.freeze({
  path: undefined,
  autoUpload: true,
  minFree: { percent: 2, maxBytes: 2 ** 30 },
  ceiling: { memoryPercent: 90, processesPercent: 90 },
  // What systemd keeps for containers: 524288 to 1879048191.
  ids: { first: 524_288, count: 28_664 },
  defaults: {},
  logMaxBytes: 256 * 2 ** 20,
  pruneOlderMs: undefined,
  network: {},
  schedule: {},
  sources: {},
});

const HOST_FILE = "/etc/rnx.yml";

/**
 * The configuration of /etc/rnx.yml, else of rnx.yml in RNX_HOME, else the defaults. Throws UsageError with every
 * mistake in the file.
 */
export async function readConfig(hostFile: string = HOST_FILE): Promise<Config> {
  const path = [hostFile, join(getHome(), "rnx.yml")].find((candidate) => existsSync(candidate));
  if (path === undefined) return DEFAULT_CONFIG;
  const { readConfigFile } = await import("./config-file.ts");
  return await readConfigFile(path);
}
