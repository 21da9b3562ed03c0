import type { RnxCommandClass } from "./base.ts";

/** What each noun is about, in the order of the help. */
export const GROUPS: ReadonlyMap<string, string> = new Map([
  ["job", "run commands as jobs, and see what became of them"],
]);

type Load = () => Promise<RnxCommandClass>;

/** Every command by the words that are typed, in the order of the help; loaded only when it is wanted. */
export const COMMANDS: ReadonlyMap<string, Load> = new Map<string, Load>([
  ["job run", async () => (await import("./job/run.ts")).JobRunCommand],
  ["job list", async () => (await import("./job/list.ts")).JobListCommand],
  ["job status", async () => (await import("./job/status.ts")).JobStatusCommand],
  ["job log", async () => (await import("./job/log.ts")).JobLogCommand],
  ["job delete", async () => (await import("./job/delete.ts")).JobDeleteCommand],
  ["job delete-all", async () => (await import("./job/delete-all.ts")).JobDeleteAllCommand],
  ["doctor", async () => (await import("./doctor.ts")).DoctorCommand],
  ["version", async () => (await import("./version.ts")).VersionCommand],
  ["help", async () => (await import("./help.ts")).HelpCommand],
]);

/** The first words of all commands. */
export function findNouns(): string[] {
  return [...new Set([...COMMANDS.keys()].map((name) => name.split(" ", 1)[0]!))];
}

/** The second words that a noun takes; none for a command of one word. */
export function findVerbs(noun: string): string[] {
  return [...COMMANDS.keys()].flatMap((name) =>
    name.startsWith(`${noun} `) ? [name.slice(noun.length + 1)] : [],
  );
}
