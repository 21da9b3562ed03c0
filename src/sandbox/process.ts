import { flags, slot, SLOTS, type Step, step, writeSetting } from "./step.ts";
import type { ConstantName } from "./step.ts";

/** A resource limit of the job's processes, setrlimit(2). */
export interface ResourceLimit {
  readonly resource: ConstantName & `RLIMIT_${string}`;
  readonly soft: number;
  readonly hard: number;
}

/**
 * The limits rnx wants for a job; where the host's hard limit is lower, that one holds (resolve clamps them).
 * RLIMIT_CORE is 1 and not 0: with 0 the kernel still starts a piped core_pattern handler, as the host's root.
 * MSGQUEUE is charged to the creator of the user namespace too: a quarter of the kernel's default of 819,200.
 */
export const WANTED_RESOURCE_LIMITS: readonly ResourceLimit[] = [
  { resource: "RLIMIT_CORE", soft: 1, hard: 1 },
  { resource: "RLIMIT_NOFILE", soft: 1024, hard: 65_536 },
  { resource: "RLIMIT_MEMLOCK", soft: 65_536, hard: 65_536 },
  { resource: "RLIMIT_MSGQUEUE", soft: 204_800, hard: 204_800 },
  { resource: "RLIMIT_RTPRIO", soft: 0, hard: 0 },
  { resource: "RLIMIT_NICE", soft: 0, hard: 0 },
  { resource: "RLIMIT_SIGPENDING", soft: 4096, hard: 4096 },
];

/** Sets the resource limits. Needs no privilege: hard limits are only lowered. */
export function planResourceLimits(limits: readonly ResourceLimit[]): Step[] {
  return limits.map(({ resource, soft, hard }) =>
    step(`limit ${resource}`, "prlimit64", [
      0,
      flags(resource),
      { struct: "rlimit64", words: [soft, hard] },
      0,
    ]),
  );
}

/** How much likelier than its supervisor a job is to be chosen by the kernel's OOM killer, proc(5). */
const JOB_OOM_SCORE_ADJ = "500";

/** Makes the job a better choice for the OOM killer than anything of the host. */
export function planOomScore(): Step[] {
  return writeSetting("set oom_score_adj", "/proc/self/oom_score_adj", JOB_OOM_SCORE_ADJ);
}

/** struct kernel_sigaction with the given handler: no flags, no restorer, an empty mask. */
function sigaction(handler: "SIG_IGN" | "SIG_DFL") {
  return { struct: `sigaction ${handler}`, words: [flags(handler), 0, 0, 0] } as const;
}

const SIGSET_BYTES = 8;

/**
 * Undoes what the runtime of rnx has set: it ignores SIGPIPE and SIGXFSZ, and CLONE_CLEAR_SIGHAND keeps ignored
 * signals ignored (`yes | head -1` would print an error). An empty signal mask, too.
 */
export function planSignalReset(): Step[] {
  return [
    ...(["SIGPIPE", "SIGXFSZ"] as const).map((signal) =>
      step(`reset ${signal}`, "rt_sigaction", [flags(signal), sigaction("SIG_DFL"), 0, SIGSET_BYTES]),
    ),
    step("unblock signals", "rt_sigprocmask", [
      flags("SIG_SETMASK"),
      { struct: "empty signal set", words: [0] },
      0,
      SIGSET_BYTES,
    ]),
  ];
}

/** Ignores SIGCHLD: it outlives execve, and the kernel then reaps every orphan for PID 1. */
export function planReaping(): Step {
  return step("ignore SIGCHLD", "rt_sigaction", [flags("SIGCHLD"), sigaction("SIG_IGN"), 0, SIGSET_BYTES]);
}

/** No setuid program gains anything, and a session keyring of its own instead of the caller's. */
export function planNoNewPrivileges(): Step[] {
  return [
    // ENOSYS: a kernel without keyrings; EDQUOT: the range's key quota is used up by keys of a job just ended.
    step(
      "join a new session keyring",
      "keyctl",
      [flags("KEYCTL_JOIN_SESSION_KEYRING"), 0, 0, 0, 0],
      ["ENOSYS"],
    ),
    step("set no_new_privs", "prctl", [flags("PR_SET_NO_NEW_PRIVS"), 1, 0, 0, 0]),
  ];
}

/** Every descriptor above stderr closes at execve: none of the host's reaches the job. */
export function planCloseOnExec(): Step {
  return step("close descriptors at execve", "close_range", [
    SLOTS.opened,
    0xffff_ffff,
    flags("CLOSE_RANGE_CLOEXEC"),
  ]);
}

/** What a job executes. */
export interface Command {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workdir: string;
}

/**
 * The label of every execve step of a command; a failure of one tells that the sandbox stood, and that the
 * command is to blame.
 */
export const EXECUTE_COMMAND = "execute command";

/** The label of the step that enters the working directory. */
export const ENTER_WORKDIR = "enter working directory";

/**
 * Executes the command: as it stands when it has a slash, else from the first directory of the job's PATH that
 * has it, as execvp(3).
 */
export function planCommand({ argv, environment, workdir }: Command): Step[] {
  const [file = ""] = argv;
  const directories = (environment["PATH"] ?? "").split(":").map((directory) => directory || ".");
  const candidates = file.includes("/") ? [file] : directories.map((directory) => `${directory}/${file}`);
  const envp = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  const execute = candidates.map((path, i) =>
    step(
      EXECUTE_COMMAND,
      "execve",
      [path, { vector: argv }, { vector: envp }],
      i < candidates.length - 1 ? ["ENOENT", "ENOTDIR", "EACCES"] : [],
    ),
  );
  return [step(ENTER_WORKDIR, "chdir", [workdir]), ...execute];
}

/** Executes the pause program of pause.ts from its descriptor. */
export function planPause(): Step {
  return step("execute pause program", "execveat", [
    slot("initProgram"),
    "",
    { vector: ["init"] },
    { vector: [] },
    flags("AT_EMPTY_PATH"),
  ]);
}
