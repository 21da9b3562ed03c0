import { join } from "node:path";
import * as v from "valibot";
import { isVariableName } from "../units.ts";
import { UsageError } from "../errors.ts";
import { findFileState, findParsed, keepParsed } from "../state/parsed-files.ts";
import { anyMapping } from "../yaml-schema.ts";
import { readYamlFile } from "../yaml.ts";
import { isRuntimeVersion, VERSION_FORM } from "./reference.ts";

/** What a runtime says of itself, beside its root file system: written by the build, or by hand. */
export const CONFIG_FILE = "runtime.yml";

/** A part of isolated/ and its place in a job; kept to be shown, as jobs get all of isolated/. */
export interface RuntimeMount {
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
}

/** How a runtime was built. */
export interface BuildInfo {
  readonly builtAt: string | null;
  readonly builtWith: string | null;
  readonly platform: string | null;
  readonly digest: string | null;
}

/** The contents of a runtime.yml; a hand-made one need have no more than the name. */
export interface RuntimeConfig {
  readonly name: string;
  readonly version: string | null;
  readonly description: string | null;
  readonly language: string | null;
  readonly languageVersion: string | null;
  readonly mounts: readonly RuntimeMount[];
  /** Set in every job. */
  readonly environment: Readonly<Record<string, string>>;
  /** NAME==VERSION as installed. */
  readonly packages: readonly string[];
  readonly libraries: readonly string[];
  readonly requirements: {
    /** Any when empty. */
    readonly architectures: readonly string[];
    readonly gpu: boolean;
  };
  readonly buildInfo: BuildInfo | null;
  /** The text of the runtime.yaml it was built from. */
  readonly originalYaml: string | null;
}

const MAX_BYTES = 2 ** 20;

const text = v.pipe(
  v.string(),
  v.check((value) => !value.includes("\0"), "expected text without NUL"),
);
const anyText = v.nullish(text, null);
const texts = v.nullish(v.array(text), []);
const variableName = v.pipe(
  v.string(),
  v.check(isVariableName, "expected the name of a variable, without blanks and ="),
);

/** A mapping in which keys that are not known are left out: other tools write some of their own. */
function tolerant<const TEntries extends v.ObjectEntries>(entries: TEntries) {
  return v.pipe(anyMapping, v.object(entries));
}

const fileSchema = tolerant({
  name: v.pipe(text, v.minLength(1, "expected a name")),
  version: v.nullish(v.pipe(text, v.check(isRuntimeVersion, `expected ${VERSION_FORM}`)), null),
  description: anyText,
  language: anyText,
  language_version: anyText,
  mounts: v.nullish(
    v.array(tolerant({ source: text, target: text, readonly: v.nullish(v.boolean(), true) })),
    [],
  ),
  environment: v.nullish(v.pipe(anyMapping, v.record(variableName, text)), {}),
  packages: texts,
  libraries: texts,
  requirements: v.nullish(tolerant({ architectures: texts, gpu: v.nullish(v.boolean(), false) }), {}),
  build_info: v.nullish(
    tolerant({ built_at: anyText, built_with: anyText, platform: anyText, digest: anyText }),
    null,
  ),
  original_yaml: anyText,
});
type ConfigFile = v.InferOutput<typeof fileSchema>;

/** Reads the runtime.yml of a directory; the problem with it names the file and, where there is one, the line. */
export async function loadRuntimeConfig(
  directory: string,
): Promise<{ readonly config: RuntimeConfig } | { readonly problem: string }> {
  const path = join(directory, CONFIG_FILE);
  const state = findFileState(path);
  if (state === undefined) return { problem: `${path} is missing` };
  const kept = v.safeParse(fileSchema, findParsed(state));
  if (kept.success) return { config: fromFile(kept.output) };
  try {
    const file = await readYamlFile(path, fileSchema, { maxBytes: MAX_BYTES });
    keepParsed(state, file);
    return { config: fromFile(file) };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const [first = error.message, ...others] = error.issues;
    return {
      problem: others.length === 0 ? first : `${first} (the first of ${error.issues.length} mistakes)`,
    };
  }
}

function fromFile(file: ConfigFile): RuntimeConfig {
  return {
    name: file.name,
    version: file.version,
    description: file.description,
    language: file.language,
    languageVersion: file.language_version,
    mounts: file.mounts,
    environment: file.environment,
    packages: file.packages,
    libraries: file.libraries,
    requirements: file.requirements,
    buildInfo: file.build_info && {
      builtAt: file.build_info.built_at,
      builtWith: file.build_info.built_with,
      platform: file.build_info.platform,
      digest: file.build_info.digest,
    },
    originalYaml: file.original_yaml,
  };
}
