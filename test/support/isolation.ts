import { afterAll, beforeAll, expect } from "bun:test";
import type { Canary } from "./canary.ts";
import { guardHost } from "./clean.ts";
import { makeHome, type RnxOptions, type RnxResult, runRnx } from "./rnx.ts";
import { installTestRuntime } from "./runtime.ts";
import { patient } from "./slowness.ts";

/** Flags of `job run` for each kind of root: what an attack must not do it must not do in either. */
export const ROOTS = [
  { root: "the host's /usr", flags: [] },
  { root: "a runtime", flags: ["--runtime=t"] },
] as const satisfies readonly { root: string; flags: readonly string[] }[];

/** The jobs of a test file about isolation: their RNX_HOME, which has the tests' runtime, and the host's canary. */
export interface IsolatedJobs {
  readonly home: string;
  readonly canary: Canary;
  /** `rnx job run` with these words. */
  run(words: readonly string[], options?: RnxOptions): Promise<RnxResult>;
  /** What a Python program gives to `answer` in a job that then ends with 0. */
  probe<Answer = unknown>(flags: readonly string[], program: string): Promise<Answer>;
}

const INSTALLATION_LIMIT_MS = patient(300_000);

/** Call at the top level of a test file: every test is then followed by a check that nothing is left. */
export function useIsolatedJobs(): IsolatedJobs {
  const { path: home, remove } = makeHome();
  const canary = guardHost(home);
  beforeAll(() => installTestRuntime(home).then(() => {}), INSTALLATION_LIMIT_MS);
  afterAll(remove);
  const run = (words: readonly string[], options?: RnxOptions) =>
    runRnx(home, ["job", "run", ...words], { cwd: home, timeoutMs: patient(30_000), ...options });
  return {
    home,
    canary,
    run,
    probe: async (flags, program) => {
      const result = await run([...flags, "python3", "-c", PRELUDE + program]);
      expect(result).toMatchObject({ code: 0, stderr: "" });
      return JSON.parse(result.stdout);
    },
  };
}

/** What the same program gives to `answer` outside of any job. */
export function probeHost<Answer = unknown>(program: string): Answer {
  const { stdout } = Bun.spawnSync(["python3", "-c", PRELUDE + program], { stderr: "inherit" });
  return JSON.parse(stdout.toString());
}

/** How a libc call or an action went is "done" or the name of an errno. */
const PRELUDE = `
import ctypes, errno, json, os, resource, socket, stat, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def outcome(result):
    return "done" if result != -1 else errno.errorcode[ctypes.get_errno()]
def attempt(action):
    try:
        action()
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
def read(path):
    with open(path) as file:
        return file.read()
def answer(value):
    print(json.dumps(value))
def status(pid="self"):
    return dict(line.split(":\\t", 1) for line in read(f"/proc/{pid}/status").splitlines())
`;
