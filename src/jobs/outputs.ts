import { statSync } from "node:fs";
import { join, posix, resolve } from "node:path";
import { Refusal } from "../flag-schema.ts";

/** Something that is copied out of the job when it ends. */
export interface Output {
  /** Absolute in the job, or relative to its working directory; without "..". */
  readonly path: string;
  /** Absolute, on the host. */
  readonly local: string;
}

const OUTPUT_FORM = 'expected PATH[:LOCAL], PATH being a path in the job without ".."';

/** `PATH[:LOCAL]` of --output; without LOCAL it lands in the caller's directory under its own name. */
export function parseOutput(text: string, directory: string): Output | Refusal {
  const at = text.indexOf(":");
  const path = at === -1 ? text : text.slice(0, at);
  const name = posix.basename(path);
  const isBelow = path !== "" && name !== "" && name !== "." && !path.split("/").includes("..");
  const target = at === -1 ? "." : text.slice(at + 1);
  if (!isBelow || target === "" || text.includes("\0")) return new Refusal(OUTPUT_FORM);
  const local = resolve(directory, target);
  const isDirectory =
    target.endsWith("/") || statSync(local, { throwIfNoEntry: false })?.isDirectory() === true;
  return { path: posix.normalize(path), local: isDirectory ? join(local, name) : local };
}
