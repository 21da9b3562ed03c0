import type { RnxCommandClass } from "./base.ts";

/** What each noun is about, in the order of the help. */
export const GROUPS: Readonly<Record<string, string>> = {
  job: "run commands as jobs, and see what became of them",
};

/** Every command by the words that are typed; loaded only when it is wanted. */
export const COMMANDS: Readonly<Record<string, () => Promise<RnxCommandClass>>> = {
  "job run": async () => (await import("./job/run.ts")).JobRunCommand,
  "job list": async () => (await import("./job/list.ts")).JobListCommand,
  "job log": async () => (await import("./job/log.ts")).JobLogCommand,
  "job status": async () => (await import("./job/status.ts")).JobStatusCommand,
  "job delete": async () => (await import("./job/delete.ts")).JobDeleteCommand,
  "job delete-all": async () => (await import("./job/delete-all.ts")).JobDeleteAllCommand,
  doctor: async () => (await import("./doctor.ts")).DoctorCommand,
  version: async () => (await import("./version.ts")).VersionCommand,
  help: async () => (await import("./help.ts")).HelpCommand,
};

/** The first words of all commands. */
export function findNouns(): string[] {
  return [...new Set(Object.keys(COMMANDS).map((name) => name.split(" ")[0]!))];
}

/** The second words that a noun takes; none for a command of one word. */
export function findVerbs(noun: string): string[] {
  return Object.keys(COMMANDS).flatMap((name) =>
    name.startsWith(`${noun} `) ? [name.slice(noun.length + 1)] : [],
  );
}
