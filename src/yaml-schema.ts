import * as v from "valibot";
import { findNearest } from "./nearest.ts";

/** What is said of a value that a schema does not accept. Messages of schemas are `expected ...`, or a whole reason. */

/** Any mapping, to stand before schemas of valibot, which take a list for an object. */
export const anyMapping = v.custom<Record<string, unknown>>(isMapping, "expected a mapping");

/** A mapping with these keys and no others; each unknown one is an issue that names the nearest. */
export function mapping<const TEntries extends v.ObjectEntries>(
  entries: TEntries,
): v.GenericSchema<unknown, v.InferOutput<v.ObjectSchema<TEntries, undefined>>> {
  return v.pipe(
    anyMapping,
    v.looseObject(entries),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!isMapping(dataset.value)) return;
      const input = dataset.value;
      for (const key of Object.keys(input).filter((name) => !Object.hasOwn(entries, name))) {
        const nearest = findNearest(key, Object.keys(entries));
        const message = `unknown key "${key}"${nearest === undefined ? "" : `; did you mean "${nearest}"?`}`;
        addIssue({ message, path: [{ type: "object", origin: "key", input, key, value: input[key] }] });
      }
    }),
  );
}

function isMapping(input: unknown): input is Record<string, unknown> {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}

/** Where an issue is and what it says; `found` is the value as it was written. */
export function describeIssue(issue: v.BaseIssue<unknown>, found: string): string {
  const path = formatPath(issue.path ?? []);
  if (issue.path?.at(-1)?.origin === "key") {
    // Of the whole mapping: a key that is missing, or one that is not known.
    const parent = formatPath(issue.path.slice(0, -1));
    const reason = issue.kind === "schema" ? `missing key ${issue.expected}` : issue.message;
    return parent === "" ? reason : `${parent}: ${reason}`;
  }
  const reason = describeReason(issue);
  const withFound = reason.startsWith("expected ") ? `${reason}, found ${found}` : reason;
  return path === "" ? withFound : `${path}: ${withFound}`;
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  boolean: "true or false",
  Object: "a mapping",
  Array: "a list",
};

function describeReason({ message, expected }: v.BaseIssue<unknown>): string {
  const isOwnMessage = !message.startsWith("Invalid ");
  if (isOwnMessage) return message;
  if (expected === null) return "not accepted";
  const alternatives = expected.replace(/^\((.*)\)$/, "$1").split(" | ");
  return `expected ${alternatives.map((type) => EXPECTED[type] ?? type).join(" or ")}`;
}

/** `mounts[0].target` */
function formatPath(path: readonly v.IssuePathItem[]): string {
  return path
    .map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");
}
