import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../../src");

/** A file of src/, by the name that rules know it by: its path without src/ and .ts. */
export interface SourceFile {
  readonly name: string;
  readonly text: string;
  /** The text without comments, and that without the content of strings too; lines stay where they are. */
  readonly code: string;
  readonly bareCode: string;
  /** What it imports when it runs: names of source files, «bun:ffi», «npm:yaml». `import type` is left out. */
  readonly imports: readonly string[];
  /** Those of them that are loaded on demand, by import(). */
  readonly lazyImports: readonly string[];
}

/** Every TypeScript file of src/. */
export function readSourceFiles(): SourceFile[] {
  return [...new Bun.Glob("**/*.ts").scanSync(ROOT)].sort().map(readSourceFile);
}

function readSourceFile(path: string): SourceFile {
  const name = path.replace(/\.ts$/, "");
  const text = readFileSync(join(ROOT, path), "utf8");
  const scanned = TRANSPILER.scanImports(text);
  const namesOf = (isLazy: boolean) =>
    scanned
      .filter(({ kind }) => (kind === "dynamic-import") === isLazy)
      .map((entry) => resolveImport(name, entry.path));
  return {
    name,
    text,
    code: text.replace(TOKEN, (token) => (token.startsWith("/") ? blank(token) : token)),
    bareCode: text.replace(TOKEN, blank),
    imports: namesOf(false),
    lazyImports: namesOf(true),
  };
}

const TRANSPILER = new Bun.Transpiler({ loader: "ts" });

/** A comment or a string; what looks like one in a regular expression is rare enough to be written otherwise. */
const TOKEN = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`/g;

function blank(token: string): string {
  return token.replace(/[^\n]/g, " ");
}

function resolveImport(from: string, path: string): string {
  if (path.startsWith(".")) return join(from, "..", path).replace(/\.ts$/, "");
  return path.includes(":") ? path : `npm:${path}`;
}

/** The folder that a source file belongs to; one that lies in src/ itself stands for itself. */
export function folderOf(name: string): string {
  return name.split("/")[0] ?? name;
}
