import * as v from "valibot";
import type { Document, Node } from "yaml";
import { RnxError, UsageError } from "./errors.ts";
import { readRegularFile } from "./files.ts";
import { describeIssue } from "./yaml-schema.ts";

/**
 * YAML to a checked value. Every mistake is told at once, with line and column: in the text, duplicate keys, unknown
 * tags, and what the schema does not accept.
 *
 * The text may come from anybody. Size and depth are limited before it is parsed: the parser is recursive, and has
 * an error to tell for each level that it cannot enter. Keys are compared here: the parser compares each with all
 * others. The library is loaded when there is something to read, as that takes 3 ms.
 */

/** A mistake and where it is, line and column counted from 1. */
export interface YamlIssue {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

interface Mistake {
  readonly offset: number;
  readonly message: string;
}

type YamlLibrary = typeof import("yaml");

const MAX_DEPTH = 64;
/** The others are counted only: to find the place of each in a large text takes long. */
const MAX_ISSUES = 20;

/**
 * The checked contents of a file of at most `maxBytes`. Throws UsageError: with `FILE:LINE:COLUMN: ...` for each
 * mistake, or when the file cannot be read.
 */
export async function readYamlFile<T>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
  options: { readonly maxBytes: number },
): Promise<T> {
  const result = await checkYaml(readGiven(path, options.maxBytes), schema);
  if ("value" in result) return result.value;
  const lines = result.issues.map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`);
  throw new UsageError(
    result.untold === 0 ? lines : [...lines, `${path}: and ${result.untold} more mistakes`],
  );
}

function readGiven(path: string, maxBytes: number): Uint8Array {
  try {
    return readRegularFile(path, maxBytes);
  } catch (error) {
    if (error instanceof RnxError) throw new UsageError(error.message);
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * The checked value of the one document in the text, an empty one counting as an empty mapping; else the first issues
 * and how many more there are.
 */
export async function checkYaml<T>(
  bytes: Uint8Array,
  schema: v.GenericSchema<unknown, T>,
): Promise<{ readonly value: T } | { readonly issues: readonly YamlIssue[]; readonly untold: number }> {
  const text = new TextDecoder().decode(bytes);
  const result = await checkText(text, bytes, schema);
  if ("value" in result) return result;
  const told = result.mistakes.toSorted((a, b) => a.offset - b.offset).slice(0, MAX_ISSUES);
  return {
    issues: told.map(({ offset, message }) => ({ ...locate(text, offset), message })),
    untold: result.count - told.length,
  };
}

interface Mistakes {
  readonly mistakes: readonly Mistake[];
  /** With those that were not looked at closely. */
  readonly count: number;
}

async function checkText<T>(
  text: string,
  bytes: Uint8Array,
  schema: v.GenericSchema<unknown, T>,
): Promise<{ readonly value: T } | Mistakes> {
  const unreadable = findUnreadable(text, bytes);
  if (unreadable !== undefined) return { mistakes: [unreadable], count: 1 };
  const yaml = await import("yaml");
  const tooDeep = findTooDeep(text, yaml);
  if (tooDeep !== undefined) return { mistakes: [tooDeep], count: 1 };

  const document = yaml.parseDocument(text, { prettyErrors: false, uniqueKeys: false, stringKeys: true });
  const mistakes: Mistake[] = [...document.errors, ...document.warnings].map(({ code, pos, message }) => ({
    offset: pos[0],
    message: MESSAGES[code] ?? message.charAt(0).toLowerCase() + message.slice(1),
  }));
  mistakes.push(...findBadKeys(document, yaml));
  if (document.errors.length > 0) return { mistakes, count: mistakes.length };

  const resolved = resolveAliases(document, yaml);
  if ("mistake" in resolved) return { mistakes: [...mistakes, resolved.mistake], count: mistakes.length + 1 };
  const result = v.safeParse(schema, resolved.value ?? {});
  if (result.success && mistakes.length === 0) return { value: result.output };
  const issues = result.issues ?? [];
  for (const issue of issues.slice(0, MAX_ISSUES)) mistakes.push(toMistake(issue, document, text, yaml));
  return { mistakes, count: mistakes.length + Math.max(issues.length - MAX_ISSUES, 0) };
}

const MESSAGES: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: "more than one document",
  TAG_RESOLVE_FAILED: "unknown tag",
  NON_STRING_KEY: "a key that is not text",
};

/** What is no text: bytes that are not UTF-8, control characters. */
function findUnreadable(text: string, bytes: Uint8Array): Mistake | undefined {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return { offset: text.indexOf("\ufffd"), message: "not UTF-8" };
  }
  const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(text);
  if (control === null) return undefined;
  const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  return { offset: control.index, message: `control character U+${code}` };
}

/** Where more than MAX_DEPTH collections are in one another, as far as that does not take an indentation each. */
function findTooDeep(text: string, { Lexer }: YamlLibrary): Mistake | undefined {
  let offset = 0;
  let flowDepth = 0;
  let lineDepth = 0;
  let isScalar = false;
  for (const token of new Lexer().lex(text)) {
    if (isScalar) isScalar = false;
    else if (token === "\x1f") isScalar = true;
    else if (token === "[" || token === "{") flowDepth++;
    else if (token === "]" || token === "}") flowDepth--;
    else if (token === "\n") lineDepth = 0;
    else if (flowDepth === 0 && (token === "-" || token === "?" || token === ":")) lineDepth++;
    if (flowDepth > MAX_DEPTH || lineDepth > MAX_DEPTH) return { offset, message: "nested too deeply" };
    // The lexer's own marks (document, end of a flow collection, scalar) are not in the text.
    if (!/^[\x02\x18\x1f]$/.test(token)) offset += token.length;
  }
  return undefined;
}

/** Keys that are there twice, and those that JavaScript gives a meaning of its own. */
function findBadKeys(document: Document, { isScalar, visit }: YamlLibrary): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  visit(document, {
    Map(_, map) {
      const keys = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        const offset = key.range?.[0] ?? 0;
        if (keys.has(name)) mistakes.push({ offset, message: `duplicate key "${name}"` });
        if (RESERVED_KEYS.has(name)) mistakes.push({ offset, message: `key "${name}" is not accepted` });
        keys.add(name);
      }
    },
  });
  return mistakes;
}

const RESERVED_KEYS = new Set(["__proto__", "constructor", "prototype"]);

/** The value with its aliases resolved; those that lead nowhere or would make a small text huge are a mistake. */
function resolveAliases(
  document: Document,
  { visit }: YamlLibrary,
): { readonly value: unknown } | { readonly mistake: Mistake } {
  try {
    return { value: document.toJS() };
  } catch (error) {
    let offset = 0;
    visit(document, {
      Alias(_, alias) {
        offset = alias.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    return { mistake: { offset, message: error instanceof Error ? error.message : String(error) } };
  }
}

function toMistake(
  issue: v.BaseIssue<unknown>,
  document: Document,
  text: string,
  yaml: YamlLibrary,
): Mistake {
  const { key, value } = findNode(document, issue.path ?? [], yaml);
  const node = issue.path?.at(-1)?.origin === "key" ? (key ?? value) : value;
  return { offset: node?.range?.[0] ?? 0, message: describeIssue(issue, describeNode(value, text, yaml)) };
}

/** The value at a path and its key; where the path leads on than the text does, the last value there is. */
function findNode(
  document: Document,
  path: readonly v.IssuePathItem[],
  { isMap, isScalar, isSeq }: YamlLibrary,
): { readonly key: Node | undefined; readonly value: Node | undefined } {
  let key: Node | undefined;
  let value: Node | undefined = document.contents ?? undefined;
  for (const item of path) {
    key = undefined;
    if (isMap<Node, Node | null>(value)) {
      const pair = value.items.find((entry) => isScalar(entry.key) && String(entry.key.value) === item.key);
      if (pair === undefined) break;
      key = pair.key;
      value = pair.value ?? key;
    } else if (isSeq<Node>(value) && typeof item.key === "number") {
      value = value.items[item.key];
    } else {
      break;
    }
  }
  return { key, value };
}

const MAX_SHOWN = 40;

/** A value as it was written, for a message. */
function describeNode(node: Node | undefined, text: string, { isMap, isScalar, isSeq }: YamlLibrary): string {
  if (isMap(node)) return "a mapping";
  if (isSeq(node)) return "a list";
  const source = node?.range == null ? "" : text.slice(node.range[0], node.range[1]).trim();
  if (source === "" || (isScalar(node) && node.value === null)) return "nothing";
  const line = source.split("\n", 1)[0]!;
  return line.length > MAX_SHOWN || line !== source ? `${line.slice(0, MAX_SHOWN)}...` : line;
}

/** Line and column of an offset, counted from 1. */
function locate(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}
