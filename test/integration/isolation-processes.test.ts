import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { ROOTS, useIsolatedJobs } from "../support/isolation.ts";
import { runShell } from "../support/rnx.ts";
import { patient } from "../support/slowness.ts";

const { home, canary, run, probe } = useIsolatedJobs();

describe.each(ROOTS)("a job with $root", ({ flags }) => {
  test("A01: sees no process but its own, and kills none of the host's", async () => {
    const script = `ls /proc | grep -c '^[0-9]'; kill -9 ${canary.pid}; kill -9 1; sleep 100 & kill -9 -1; wait; echo on`;
    const { code, stdout } = await run([...flags, "--name=a01", "sh", "-c", script]);
    const [count, ...rest] = stdout.trim().split("\n");
    expect(Number(count)).toBeLessThanOrEqual(5);
    expect({ code, rest }).toEqual({ code: 0, rest: ["on"] });
    expect(existsSync(`/proc/${canary.pid}`)).toBe(true);
  });

  test("its PID 1 shows neither descriptors nor root nor environment, and cannot be traced or killed", async () => {
    const found = await probe(
      flags,
      `
import signal
SEIZE, ATTACH = 0x4206, 16
answer({
    "fd": attempt(lambda: os.listdir("/proc/1/fd")),
    "a fd": attempt(lambda: os.readlink("/proc/1/fd/0")),
    "root": attempt(lambda: os.readlink("/proc/1/root")),
    "cwd": attempt(lambda: os.readlink("/proc/1/cwd")),
    "exe": attempt(lambda: os.readlink("/proc/1/exe")),
    "mem": attempt(lambda: open("/proc/1/mem")),
    "environ": attempt(lambda: read("/proc/1/environ")),
    "attach": outcome(libc.ptrace(ATTACH, 1, 0, 0)),
    "seize": outcome(libc.ptrace(SEIZE, 1, 0, 0)),
    "alive after SIGKILL": attempt(lambda: (os.kill(1, signal.SIGKILL), time.sleep(0.1), os.kill(1, 0))) })`,
    );
    const refused = ["fd", "a fd", "root", "cwd", "exe", "mem", "environ"].map((name) => [name, "EACCES"]);
    expect(found).toEqual({
      ...Object.fromEntries(refused),
      attach: "EPERM",
      seize: "EPERM",
      "alive after SIGKILL": "done",
    });
  });

  test("A23, A24: has loopback alone, and reaches no socket of the host's", async () => {
    const addresses = canary.ports.flatMap((port) => [`("127.0.0.1", ${port})`, `("::1", ${port})`]);
    const found = await probe(
      flags,
      `
def connect(address):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    socket.socket(family).connect(address)
answer({
    "interfaces": [name for _, name in socket.if_nameindex()],
    "abstract": attempt(lambda: socket.socket(socket.AF_UNIX).connect("\\0${canary.text}")),
    "host": [attempt(lambda: connect(address)) for address in [${addresses.join(", ")}]],
    "outside": attempt(lambda: connect(("1.1.1.1", 80))) })`,
    );
    expect(found).toEqual({
      interfaces: ["lo"],
      abstract: "ECONNREFUSED",
      host: Array(4).fill("ECONNREFUSED"),
      outside: "ENETUNREACH",
    });
  });

  test("A29: cannot change the host's name, clock, swap, accounting or modules, nor its own priority", async () => {
    const { module, ...outcomes } = await probe<Record<string, string>>(
      flags,
      `
CAD_OFF, FINIT_MODULE = 0, 313 if os.uname().machine == "x86_64" else 273
answer({
    "host name": attempt(lambda: socket.sethostname("evil")),
    "domain name": outcome(libc.setdomainname(b"evil", 4)),
    "clock": attempt(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time())),
    "swap": outcome(libc.swapon(b"/work/x", 0)),
    "accounting": outcome(libc.acct(None)),
    "reboot": outcome(libc.reboot(CAD_OFF)),
    "module": outcome(libc.syscall(FINIT_MODULE, 0, b"", 0)),
    "priority": attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5)) })`,
    );
    expect(outcomes).toEqual({
      "host name": "EPERM",
      "domain name": "EPERM",
      clock: "EPERM",
      swap: "EPERM",
      accounting: "EPERM",
      reboot: "EPERM",
      priority: "EACCES",
    });
    // A kernel without modules has no such call.
    expect(["EPERM", "ENOSYS"]).toContain(module ?? "");
    expect(hostname()).not.toBe("evil");
  });

  test("System V and POSIX message queues, semaphores and shared memory are its own", async () => {
    const script = "ipcs | grep -c 0x; ls -A /dev/shm /dev/mqueue";
    const { stdout } = await run([...flags, "sh", "-c", script]);
    expect(stdout).toBe("0\n/dev/mqueue:\n\n/dev/shm:\n");
  });
});

/**
 * The supervisor is the parent of the job's main process: with PTRACE_TRACEME that process, a thread of it, or a child
 * that it gives to its own parent (CLONE_PARENT) makes the supervisor its tracer, who alone can let it go on and has
 * to wait for it; the kernel does not end PID 1 of the job before that.
 */
describe("a supervisor that a job makes the tracer of", () => {
  const PYTHON = `
import ctypes, os, signal, threading, time
libc = ctypes.CDLL(None, use_errno=True)
TRACEME, CLONE_PARENT = 0, 0x8000
CLONE = 56 if os.uname().machine == "x86_64" else 220
def trace_me(): assert libc.ptrace(TRACEME, 0, 0, 0) == 0
def is_second_child(): return libc.syscall(CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0) == 0
def in_thread(action): threading.Thread(target=action).start(); time.sleep(0.2)
def kill(number): os.kill(os.getpid(), number)
`;
  const LIMIT_MS = Math.min(patient(10_000), 30_000);

  test.each([
    ["its main process, which exits", "trace_me(); os._exit(3)", 3],
    ["its main process, which a signal ends", "trace_me(); kill(signal.SIGTERM); time.sleep(60)", 143],
    [
      "its main process, which executes a program",
      'trace_me(); os.execv("/bin/sh", ["sh", "-c", "exit 4"])',
      4,
    ],
    [
      "its main process, which handles a signal",
      "signal.signal(signal.SIGUSR1, lambda *_: os._exit(5)); trace_me(); kill(signal.SIGUSR1)",
      5,
    ],
    ["its main process, which stops", "trace_me(); kill(signal.SIGSTOP); os._exit(6)", 6],
    ["a thread, which ends first", "in_thread(trace_me); os._exit(7)", 7],
    ["a thread, which does not end", "in_thread(lambda: (trace_me(), time.sleep(60))); os._exit(8)", 8],
    [
      "a second child, which ends first",
      "if is_second_child(): trace_me(); os._exit(1)\ntime.sleep(0.2); os._exit(9)",
      9,
    ],
    [
      "a second child, which does not end",
      "if is_second_child(): trace_me(); time.sleep(60)\nos._exit(10)",
      10,
    ],
    ["nothing, but the parent of a second child", "if is_second_child(): time.sleep(60)\nos._exit(11)", 11],
  ])(
    "%s, ends with the job's exit code",
    async (_, program, code) => {
      // Killed at the limit: a supervisor that hangs would hand a SIGTERM on and wait.
      const limited = `timeout -s KILL ${LIMIT_MS / 1000} $RNX job run python3 -c "$PROGRAM"`;
      const script = `${limited}; code=$?; $RNX job list >/dev/null; exit $code`;
      const result = await runShell(home, script, { env: { PROGRAM: PYTHON + program } });
      expect(result).toEqual({ code, stdout: "", stderr: "" });
    },
    LIMIT_MS * 2,
  );
});
