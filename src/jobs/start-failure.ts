import { StartError } from "../errors.ts";
import { SystemCallError, type ErrnoName } from "../linux/syscall.ts";
import { errnoName } from "../linux/syscall.ts";
import { ERRNO } from "../linux/errno.ts";
import { findHint } from "./hints.ts";
import { StepFailure } from "../sandbox/encode.ts";
import { ENTER_WORKDIR, EXECUTE_COMMAND } from "../sandbox/process.ts";
import type { JobSpec } from "./spec.ts";

/** What an errno means at a call where its usual text misleads. */
const SENTENCES: Readonly<Partial<Record<string, Partial<Record<ErrnoName, string>>>>> = {
  mount: {
    ENOSPC: "the host's limit of mounts is reached (fs.mount-max)",
    ENODEV: "the kernel has no such file system",
    EPERM: "rnx itself runs without CAP_SYS_ADMIN, or in a container that forbids mounts",
  },
  mount_setattr: {
    EINVAL: "the file system below cannot be idmapped; --userns=off runs without",
  },
  setns: { EINVAL: "the namespace cannot be entered" },
  unshare: { ENOSPC: "the host's limit of namespaces is reached (user.max_cgroup_namespaces)" },
  clone3: {
    ENOSPC: "the host's limit of namespaces is reached (sysctl user)",
    EAGAIN: "the limit of processes is reached: of the user, of the whole host, or of all jobs",
    EINVAL: "the kernel lacks a namespace, or the cgroup is no cgroup v2 directory",
    ENOSYS: "the kernel has no clone3 (Linux 5.7)",
  },
  openat2: { ELOOP: "a mount point of this runtime is a symbolic link" },
};

/** An error of a launch as a StartError: with the exit code a shell would give where the command is to blame. */
export function describeStartFailure(error: unknown, spec: JobSpec): unknown {
  if (error instanceof SystemCallError) {
    return new StartError(explain(`sandbox: ${error.message}`, error.call, error.errno), { cause: error });
  }
  if (!(error instanceof StepFailure)) return error;
  if (error.child === "job" && error.step.label === EXECUTE_COMMAND) return describeExecFailure(error, spec);
  if (error.child === "job" && error.step.label === ENTER_WORKDIR) {
    return new StartError(
      `working directory not found in the job: "${spec.workdir}": ${errnoName(error.errno)}`,
    );
  }
  return new StartError(explain(error.message, error.step.call, error.errno), { cause: error });
}

function explain(message: string, call: string, errno: number): string {
  const sentence = SENTENCES[call]?.[errnoName(errno) as ErrnoName];
  return sentence === undefined ? message : `${message}: ${sentence}`;
}

function describeExecFailure(failure: StepFailure, spec: JobSpec): StartError {
  const [file = ""] = spec.argv;
  // Of all the PATH's directories, one that has the file without permission tells more than one that lacks it.
  const isForbidden = failure.toleratedErrnos.includes(ERRNO.EACCES);
  const errno = isForbidden ? ERRNO.EACCES : failure.errno;
  const isMissing = errno === ERRNO.ENOENT || errno === ERRNO.ENOTDIR;
  if (isMissing) {
    const what = file.includes("/") ? `no such file, or its interpreter is missing: "${file}"` : `"${file}"`;
    return new StartError(`command not found: ${what}`, {
      exitCode: 127,
      hint: findHint(spec, 127, process.cwd()),
    });
  }
  const why = EXEC_REASONS[errnoName(errno) as ErrnoName] ?? errnoName(errno);
  return new StartError(`cannot execute "${shorten(file)}": ${why}`, { exitCode: 126 });
}

const EXEC_REASONS: Readonly<Partial<Record<ErrnoName, string>>> = {
  EACCES: "not an executable file, or permission denied",
  ENOEXEC: "not a program of this architecture, nor a script with a #! line",
  E2BIG: "argument or environment too long: 131071 bytes each, 6 MB in all",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "too many symbolic links",
  ENOMEM: "not enough memory; --max-memory raises the limit",
};

const SHOWN_CHARACTERS = 80;

function shorten(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
