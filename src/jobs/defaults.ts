import * as v from "valibot";
import { UsageError } from "../errors.ts";
import { parseFlags } from "../flag-schema.ts";
import { findNearest } from "../nearest.ts";
import type { Config } from "../state/config.ts";
import { type Caller, defaultFlags, makeFlagSchema, type RunFlags, runFlagsSchema } from "./run-flags.ts";

/**
 * What rnx.yml says for flags of `job run` that are not given: `defaults`, by the names of the flags, and the
 * settings that stand for one. Throws UsageError with every mistake, naming the file.
 */
export function readFlagDefaults(config: Config, caller: Caller): RunFlags {
  const settings: RunFlags = { autoUpload: config.autoUpload };
  if (Object.keys(config.defaults).length === 0) return settings;
  const where = `${config.path}: defaults: `;
  const flags = readByName(config.defaults, where);
  parseFlags(makeFlagSchema(caller), defaultFlags(flags, {}), where);
  return { ...settings, ...flags };
}

/** The names of all flags, "max-memory", and the key that each has in the code, maxMemory. */
function listKeys(): ReadonlyMap<string, string> {
  const keys = Object.keys(runFlagsSchema.entries);
  return new Map(keys.map((key) => [key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), key]));
}

function readByName(defaults: Config["defaults"], where: string): RunFlags {
  const keys = listKeys();
  const issues = Object.keys(defaults)
    .filter((name) => !keys.has(name))
    .map((name) => {
      const nearest = findNearest(name, [...keys.keys()]);
      return `${where}unknown flag "${name}"${nearest === undefined ? "" : `; did you mean ${nearest}?`}`;
    });
  const named = Object.entries(defaults).map(([name, value]) => [keys.get(name) ?? name, value]);
  const result = v.safeParse(runFlagsSchema, Object.fromEntries(named));
  for (const issue of result.issues ?? []) {
    const key = v.getDotPath(issue);
    const name = [...keys].find(([, candidate]) => candidate === key)?.[0] ?? key;
    issues.push(`${where}${name}: ${issue.message}`);
  }
  if (issues.length > 0 || !result.success) throw new UsageError(issues);
  return result.output;
}
