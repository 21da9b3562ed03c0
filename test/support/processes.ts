import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { errorCode } from "../../src/errors.ts";

/** A process of the host, as far as jobs are concerned. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  /** The RNX_HOME of an rnx process. */
  readonly home: string | undefined;
  /** The job whose cgroup it is in. */
  readonly jobId: string | undefined;
  /** Its root and working directory. */
  readonly places: readonly string[];
}

/**
 * Every process there is. One that is ending is left out: a zombie until its parent has asked for it, and PID 1 of a
 * job whose supervisor was killed until the host's PID 1 has asked for the job. Neither has memory, so no command line.
 */
export function readProcesses(): readonly Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
}

const DEFAULT_HOME = "/opt/joblet";

function readProcess(pid: number): Process | undefined {
  const stat = readProcessFile(pid, "stat");
  const cgroup = readProcessFile(pid, "cgroup");
  const command = readProcessFile(pid, "cmdline");
  if (stat === undefined || cgroup === undefined || !command) return undefined;
  const nameEnd = stat.lastIndexOf(")");
  const isRnx = /\/rnx( \(deleted\))?$/.test(readLink(pid, "exe") ?? "");
  const environment = isRnx ? readProcessFile(pid, "environ") : undefined;
  return {
    pid,
    parent: Number(stat.slice(nameEnd + 2).split(" ")[1]),
    command: command.replaceAll("\0", " ").trim(),
    home: environment === undefined ? undefined : (findVariable(environment, "RNX_HOME") ?? DEFAULT_HOME),
    jobId: /\/joblet\/([^/\s]+)/.exec(cgroup)?.[1],
    places: ["root", "cwd"].flatMap((name) => readLink(pid, name) ?? []),
  };
}

function findVariable(environment: string, name: string): string | undefined {
  const entry = environment.split("\0").find((text) => text.startsWith(`${name}=`));
  return entry?.slice(name.length + 1);
}

/** The ids of jobs whose living supervisor has another RNX_HOME. */
export function findForeignJobs(processes: readonly Process[], home: string): ReadonlySet<string> {
  const byPid = new Map(processes.map((process) => [process.pid, process]));
  const findHome = (process: Process | undefined): string | undefined =>
    process && (process.home ?? findHome(byPid.get(process.parent)));
  const isForeign = (process: Process) => (findHome(process) ?? home) !== home;
  return new Set(processes.filter(isForeign).flatMap(({ jobId }) => jobId ?? []));
}

function readProcessFile(pid: number, name: string): string | undefined {
  return unlessGone(() => readFileSync(`/proc/${pid}/${name}`, "utf8"));
}

function readLink(pid: number, name: string): string | undefined {
  return unlessGone(() => readlinkSync(`/proc/${pid}/${name}`));
}

/** A process that ends meanwhile, and what a thread of the kernel does not have. */
function unlessGone(read: () => string): string | undefined {
  try {
    return read();
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES"].includes(errorCode(error) ?? "")) return undefined;
    throw error;
  }
}
