import { closeSync, openSync, readFileSync } from "node:fs";

/** Runs a program with its output appended to a log; the log's end is the error's text when it fails. */
export async function runLogged(what: string, log: string, argv: readonly string[]): Promise<void> {
  const fd = openSync(log, "a");
  try {
    const child = Bun.spawn([...argv], { stdin: "ignore", stdout: fd, stderr: fd });
    const code = await child.exited;
    if (code !== 0) throw new Error(`${what}: ${argv[0]} exited with ${code}\n${lastLines(log, 20)}`);
  } finally {
    closeSync(fd);
  }
}

/** The end of a text file, carriage returns removed; empty when there is no such file. */
export function lastLines(path: string, count: number): string {
  try {
    return readFileSync(path, "utf8").replaceAll("\r", "").trimEnd().split("\n").slice(-count).join("\n");
  } catch {
    return "";
  }
}
