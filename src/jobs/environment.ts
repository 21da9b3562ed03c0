import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { errorCode } from "../errors.ts";
import { Refusal } from "../flag-schema.ts";
import { decodeBytes } from "../linux/memory.ts";
import { formatSize, isVariableName } from "../units.ts";

/** One variable of a job's environment. */
export interface Variable {
  readonly key: string;
  readonly value: string;
}

/** The caller's variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

const ASSIGNMENT_FORM = "expected KEY=VALUE, or KEY for the caller's value, the KEY without blanks";

/** `KEY=VALUE`, or `KEY` for the value that the caller has. */
export function parseAssignment(text: string, caller: Environment): Variable | Refusal {
  const end = text.indexOf("=");
  const key = end === -1 ? text : text.slice(0, end);
  if (!isVariableName(key) || text.includes("\0")) return new Refusal(ASSIGNMENT_FORM);
  if (end !== -1) return { key, value: text.slice(end + 1) };
  const value = Object.hasOwn(caller, key) ? caller[key] : undefined;
  return value === undefined ? new Refusal(`${key} is not set in the caller's environment`) : { key, value };
}

/** A whole file is read into memory, and the kernel takes 6 MB of environment at most. */
const FILE_MAX_BYTES = 8 * 2 ** 20;

/**
 * The variables of an --env-file: one assignment a line, taken as it is (no quotes, no export); blank lines and lines
 * that begin with # do not count. A refusal names file and line.
 */
export function readEnvironmentFile(
  file: string,
  directory: string,
  caller: Environment,
): Variable[] | Refusal {
  const text = readText(resolve(directory, file));
  if (text instanceof Refusal) return text;
  const variables: Variable[] = [];
  for (const [index, line] of text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const variable = parseAssignment(line, caller);
    if (variable instanceof Refusal) return new Refusal(`${file}:${index + 1}: ${variable.reason}`);
    variables.push(variable);
  }
  return variables;
}

/** A file's or a pipe's text: `--env-file <(decrypt FILE)` is a pipe. */
function readText(path: string): string | Refusal {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    return new Refusal(
      errorCode(error) === "ENOENT" ? "no such file" : `cannot be read (${errorCode(error)})`,
    );
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() && !stat.isFIFO()) return new Refusal("not a regular file");
    const bytes = Buffer.alloc(FILE_MAX_BYTES + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < bytes.length; length += got) {
      got = readSync(fd, bytes, length, bytes.length - length, null);
    }
    if (length === bytes.length) return new Refusal(`larger than ${formatSize(FILE_MAX_BYTES)}`);
    return decodeBytes(bytes.subarray(0, length));
  } finally {
    closeSync(fd);
  }
}
