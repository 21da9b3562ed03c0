/**
 * Which runtimes there are, and which one a job means. They lie in runtimes/NAME/VERSION/ or, one version alone, in
 * runtimes/NAME/; each is a description, runtime.yml, beside a root file system, isolated/. The directories' names
 * count, not what runtime.yml says of itself. Nothing inside of a root file system is looked at.
 */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { errorCode, RnxError, StartError } from "../errors.ts";
import { checkDirectory } from "../state/home.ts";
import { getRuntimesDirectory } from "../state/paths.ts";
import { CONFIG_FILE, loadRuntimeConfig, type RuntimeConfig } from "./config.ts";
import {
  compareVersions,
  isRuntimeName,
  isRuntimeVersion,
  parseReference,
  type RuntimeReference,
} from "./reference.ts";

/** The root file system, beside runtime.yml. */
const TREE = "isolated";
/** Of a runtime in NAME/ whose runtime.yml names no version. */
const NO_VERSION = "0.0.0";

/** A runtime's place; what is in it has not been checked. */
export interface InstalledRuntime {
  readonly name: string;
  readonly version: string;
  readonly directory: string;
}

/** A runtime that jobs can start in. */
export interface Runtime extends RuntimeConfig, InstalledRuntime {
  readonly version: string;
  /** The absolute path of its root file system. */
  readonly root: string;
}

/** The runtime that `--runtime` means; without a version the highest. Throws StartError. */
export async function resolveRuntime(text: string): Promise<Runtime> {
  const reference = parseReference(text);
  const found = reference && ((await findNamed(reference)) ?? (await findOfLanguage(reference)));
  if (found === undefined) {
    const called = reference === undefined ? `"${text}"` : text;
    throw new StartError(`runtime not found: ${called}`, {
      hint: await describeAlternatives(reference?.name),
    });
  }
  requireTrusted(found);
  const runtime = await readRuntime(found);
  requireArchitecture(runtime);
  return runtime;
}

/** All runtimes by name, the versions of each from the lowest to the highest. */
export async function listRuntimes(): Promise<InstalledRuntime[]> {
  const names = readNames(getRuntimesDirectory()).filter(isRuntimeName).sort();
  return (await Promise.all(names.map(listVersions))).flat();
}

/** Reads what a runtime says of itself. Throws StartError when it is broken: the message names the file. */
export async function readRuntime(installed: InstalledRuntime): Promise<Runtime> {
  const { name, version, directory } = installed;
  const root = join(directory, TREE);
  const loaded = await loadRuntimeConfig(directory);
  const problem = "problem" in loaded ? loaded.problem : findTreeProblem(root);
  if ("problem" in loaded || problem !== undefined) {
    throw new StartError(`runtime ${name}@${version} is broken: ${problem}`, {
      hint: `mend it, remove ${directory}, or build it again with rnx runtime build --force`,
    });
  }
  return { ...loaded.config, ...installed, root };
}

/** The versions of a name that has a valid form. */
async function listVersions(name: string): Promise<InstalledRuntime[]> {
  const directory = join(getRuntimesDirectory(), name);
  const entries = readNames(directory);
  const versions = entries
    .filter(isRuntimeVersion)
    .map((version) => ({ name, version, directory: join(directory, version) }));
  if (entries.includes(CONFIG_FILE) || entries.includes(TREE)) {
    const loaded = await loadRuntimeConfig(directory);
    const version = ("config" in loaded ? loaded.config.version : undefined) ?? NO_VERSION;
    versions.push({ name, version, directory });
  }
  return versions.sort((a, b) => compareVersions(a.version, b.version));
}

async function findNamed({ name, version }: RuntimeReference): Promise<InstalledRuntime | undefined> {
  return (await listVersions(name)).findLast((entry) => version === undefined || entry.version === version);
}

/** For `java:17` the one runtime whose language is java and whose language version is 17 or 17.x. */
async function findOfLanguage({
  language,
  version,
}: RuntimeReference): Promise<InstalledRuntime | undefined> {
  if (language === undefined) return undefined;
  const isMeant = (config: RuntimeConfig) =>
    config.language === language.name && `${config.languageVersion}.`.startsWith(`${language.version}.`);
  const found: InstalledRuntime[] = [];
  for (const installed of await listRuntimes()) {
    const loaded = await loadRuntimeConfig(installed.directory);
    if (!("config" in loaded) || !isMeant(loaded.config)) continue;
    if (version === undefined || installed.version === version) found.push(installed);
  }
  const names = new Set(found.map(({ name }) => name));
  if (names.size > 1) {
    throw new StartError(
      `more than one runtime has ${language.name} ${language.version}: ${[...names].join(", ")}`,
      { hint: `--runtime=${[...names][0]}` },
    );
  }
  return found.at(-1);
}

/** Whoever can write in these directories could put the host's root in the runtime's place. */
function requireTrusted({ name, directory }: InstalledRuntime): void {
  try {
    [getRuntimesDirectory(), join(getRuntimesDirectory(), name), directory].forEach(checkDirectory);
  } catch (error) {
    if (error instanceof RnxError) throw new StartError(error.message, { hint: error.hint });
    throw error;
  }
}

/** What is wrong with a root file system; undefined when it is a directory, and no link to one. */
function findTreeProblem(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return `${path} is missing`;
  if (stat.isSymbolicLink()) return `${path} is a symbolic link`;
  return stat.isDirectory() ? undefined : `${path} is not a directory`;
}

/** What process.arch says, and how runtime.yml may write it. */
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  x64: ["amd64", "x86_64"],
  arm64: ["arm64", "aarch64"],
};

function requireArchitecture({ name, version, requirements: { architectures } }: Runtime): void {
  const own = ARCHITECTURES[process.arch] ?? [process.arch];
  if (architectures.length === 0 || architectures.some((architecture) => own.includes(architecture))) return;
  throw new StartError(
    `runtime ${name}@${version} is for ${architectures.join(", ")}; this host is ${own[0]}`,
  );
}

/** At most so many names in a hint. */
const MOST_NAMES = 10;

/** The versions of the runtime that was named; else the runtimes there are. */
async function describeAlternatives(name: string | undefined): Promise<string> {
  const versions = name === undefined ? [] : await listVersions(name);
  if (versions.length > 0)
    return `available: ${versions.map((entry) => `${name}@${entry.version}`).join(", ")}`;
  const names = [...new Set((await listRuntimes()).map((entry) => entry.name))];
  if (names.length === 0) return "there are no runtimes yet; rnx runtime build makes one";
  const more = names.length > MOST_NAMES ? ", ..." : "";
  return `available: ${names.slice(0, MOST_NAMES).join(", ")}${more}`;
}

/** The entries of a directory; none where there is no directory. */
function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "")) return [];
    throw error;
  }
}
