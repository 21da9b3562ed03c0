import { parseArgs } from "node:util";

/** How often something is done, from a flag `--NAME=N`, from this program's own command line. */
export function readCount(name: string, fallback: number): number {
  const { values } = parseArgs({ options: { [name]: { type: "string" } } });
  return parseCount(name, values[name] ?? String(fallback));
}

/** A whole number, or an error that names the flag. */
export function parseCount(name: string, text: unknown): number {
  if (!/^\d{1,6}$/.test(String(text))) throw new Error(`--${name} takes a whole number, not "${text}"`);
  return Number(text);
}
