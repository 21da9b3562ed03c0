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
    expect(["EPERM", "ENOSYS"]).toContain(module);
    expect(hostname()).not.toBe("evil");
  });

  test("System V and POSIX message queues, semaphores and shared memory are its own", async () => {
    const script = "ipcs | grep -c 0x; ls -A /dev/shm /dev/mqueue";
    const { stdout } = await run([...flags, "sh", "-c", script]);
    expect(stdout).toBe("0\n/dev/mqueue:\n\n/dev/shm:\n");
  });
});

/**
 * What SECURITY.md's finding 13 is about: the supervisor is the parent of the job's main process, and so becomes the
 * tracer of whatever child of it asks for that; and it can be given more children than it made.
 */
describe("a job whose main process makes its supervisor its tracer", () => {
  const PYTHON = `
import ctypes, os, signal, threading, time
libc = ctypes.CDLL(None, use_errno=True)
TRACEME, CLONE_PARENT = 0, 0x8000
CLONE = 56 if os.uname().machine == "x86_64" else 220
def trace_me(): assert libc.ptrace(TRACEME, 0, 0, 0) == 0
def is_sibling(): return libc.syscall(CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0) == 0
def in_thread(action): threading.Thread(target=action).start(); time.sleep(0.2)
`;
  const LIMIT_MS = patient(10_000);
  /** Killed at the limit: a supervisor that hangs would forward SIGTERM and wait on. */
  const runTraced = (flags: string, program: string) => {
    const limited = `timeout -s KILL ${LIMIT_MS / 1000} $RNX job run ${flags} python3 -c "$PROGRAM"`;
    const script = `${limited}; code=$?; $RNX job list >/dev/null; exit $code`;
    return runShell(home, script, { env: { PROGRAM: PYTHON + program } });
  };

  test.each([
    ["exits", "trace_me(); os._exit(7)", 7],
    ["ends by a signal", "trace_me(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", 143],
    ["executes another program", 'trace_me(); os.execv("/bin/sh", ["sh", "-c", "exit 9"])', 9],
    [
      "handles a signal",
      "signal.signal(10, lambda *_: os._exit(3)); trace_me(); os.kill(os.getpid(), 10)",
      3,
    ],
    ["stops", "trace_me(); os.kill(os.getpid(), signal.SIGSTOP); os._exit(10)", 10],
    ["is a thread that ends first", "in_thread(trace_me); os._exit(5)", 5],
    ["is a thread that does not end", "in_thread(lambda: (trace_me(), time.sleep(60))); os._exit(6)", 6],
    [
      "is a second child of its parent",
      "if is_sibling(): trace_me(); os._exit(1)\ntime.sleep(0.2); os._exit(8)",
      8,
    ],
    ["is one that outlives it", "if is_sibling(): trace_me(); time.sleep(60)\nos._exit(4)", 4],
    ["does not ask, but is a second child", "if is_sibling(): time.sleep(60)\nos._exit(2)", 2],
  ])(
    "or that of what it starts, which %s: its exit is seen",
    async (_, program, code) => {
      expect(await runTraced("", program)).toEqual({ code, stdout: "", stderr: "" });
    },
    LIMIT_MS * 2,
  );
});
