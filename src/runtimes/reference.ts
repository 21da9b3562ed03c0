/** How runtimes are called. Pure: whether one exists is resolve.ts's question. */

/** The rules of runtime.yaml are narrower; a hand-made runtime may have capitals and underscores. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const VERSION = /^(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(-[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*)?$/;

/** What `--runtime` asks for. */
export interface RuntimeReference {
  readonly name: string;
  /** The highest when undefined. */
  readonly version: string | undefined;
  /** Of the legacy form `java:17`: what to look for when no runtime has the name `java-17`. */
  readonly language: { readonly name: string; readonly version: string } | undefined;
}

/** The accepted versions, for messages. */
export const VERSION_FORM = "a version such as 1.0.0";

/**
 * Reads NAME, NAME@VERSION and the legacy LANGUAGE:VERSION. Undefined for all else: no part of what is returned leads
 * out of the directory it is looked up in.
 */
export function parseReference(text: string): RuntimeReference | undefined {
  const [called = "", version, ...rest] = text.split("@");
  if (rest.length > 0 || (version !== undefined && !isRuntimeVersion(version))) return undefined;
  const [first = "", second, ...more] = called.split(":");
  const name = called.replace(":", "-");
  if (more.length > 0 || ![first, second ?? first, name].every(isRuntimeName)) return undefined;
  return { name, version, language: second === undefined ? undefined : { name: first, version: second } };
}

/** Whether a directory of this name may be a runtime. */
export function isRuntimeName(text: string): boolean {
  return NAME.test(text);
}

/** Whether a directory of this name may be a version: X.Y.Z, as hand-made ones have it also X.Y or X. */
export function isRuntimeVersion(text: string): boolean {
  return VERSION.test(text);
}

/** Versions in the order of semver.org, the lowest first. For sort(). */
export function compareVersions(a: string, b: string): number {
  return Bun.semver.order(complete(a), complete(b)) || (a < b ? -1 : Number(a > b));
}

/** With all three numbers: Bun takes 1.0 to be above 1.0.0. */
function complete(version: string): string {
  return version.replace(VERSION, (_, major, minor = "0", patch = "0", label = "") =>
    [major, minor, patch].join(".").concat(label),
  );
}
