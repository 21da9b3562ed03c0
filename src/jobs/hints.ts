import { statSync } from "node:fs";
import { basename, join, normalize } from "node:path";
import type { JobSpec } from "./spec.ts";
import { SHELL_SEPARATORS } from "./upload-plan.ts";

/** They change the root, which a job without a runtime cannot: it has the host's /usr, read-only. */
const PACKAGE_MANAGERS = /^(apk|apt|apt-get|cargo|dnf|gem|mvn|npm|npx|pip|pip3|yum)$/;
/** The host may not have them; a runtime does. */
const LANGUAGES = /^(go|java|javac|node|php|python|python3|ruby|rustc)$/;
const COMMAND_NOT_FOUND = 127;

/**
 * What a person may have forgotten when a job failed, as the command or flag that helps; undefined when nothing
 * suggests itself. Looks at the names in the command alone, and at what stands in the caller's directory.
 */
export function findHint(spec: JobSpec, exitCode: number, directory: string): string | undefined {
  const words = [spec.command, ...spec.args].flatMap((word) => word.split(SHELL_SEPARATORS)).filter(Boolean);
  return findMissingUpload(spec, words, directory) ?? findMissingRuntime(spec, words, exitCode);
}

function findMissingUpload(spec: JobSpec, words: readonly string[], directory: string): string | undefined {
  const given = new Set([...spec.uploads, ...spec.autoUploads].map(({ source }) => source));
  for (const word of words) {
    for (const name of candidates(word)) {
      const path = join(directory, name);
      if (given.has(path)) continue;
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat?.isFile()) return `"${name}" is not in the job: --upload=${uploadOf(name)}`;
      if (stat?.isDirectory() && name !== ".")
        return `"${name}" is not in the job: --upload-dir=${name}:${name}`;
    }
  }
  return undefined;
}

/** The files a word may stand for: itself, and for `java Main` the class or archive. */
function candidates(word: string): readonly string[] {
  const isRelative = !word.startsWith("/") && !word.startsWith("-") && !word.split("/").includes("..");
  if (!isRelative || word.includes("\0")) return [];
  const name = normalize(word).replace(/\/$/, "");
  return /^[A-Z]\w*$/.test(name) ? [name, `${name}.class`, `${name}.jar`] : [name];
}

/** DEST is named where the file would not land where the command looks for it. */
function uploadOf(name: string): string {
  return basename(name) === name ? name : `${name}:${name}`;
}

function findMissingRuntime(spec: JobSpec, words: readonly string[], exitCode: number): string | undefined {
  if (spec.runtime !== undefined) return undefined;
  const isMissing = exitCode === COMMAND_NOT_FOUND;
  const tool = words.find((word) => PACKAGE_MANAGERS.test(word) || (isMissing && LANGUAGES.test(word)));
  return (
    tool && `"${tool}" works in a runtime: --runtime=NAME; without one a job has the host's /usr, read-only`
  );
}
