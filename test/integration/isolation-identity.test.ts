import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { probeHost, ROOTS, useIsolatedJobs } from "../support/isolation.ts";
import { IS_IN_VM, requires } from "../support/requires.ts";
import { runShell } from "../support/rnx.ts";

const { home, run, probe } = useIsolatedJobs();

/** linux/capability.h: CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP SYS_CHROOT. */
const CAPABILITIES = [0, 1, 3, 4, 5, 6, 7, 8, 18];
const NET_RAW = 13;

function mask(capabilities: readonly number[]): string {
  const bits = capabilities.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
  return bits.toString(16).padStart(16, "0");
}

describe.each(ROOTS)("a job with $root", ({ flags }) => {
  test("A08: has the planned capabilities in three sets, none in the others, and no_new_privs", async () => {
    const status = await probe(flags, "answer(status())");
    const planned = mask(CAPABILITIES);
    expect(status).toMatchObject({
      CapInh: mask([]),
      CapPrm: planned,
      CapEff: planned,
      CapBnd: planned,
      CapAmb: mask([]),
      NoNewPrivs: "1",
      Groups: expect.stringMatching(/^\s*$/),
    });
  });

  test("A08: --cap-add adds the one it names", async () => {
    const status = await probe([...flags, "--cap-add=NET_RAW"], "answer(status())");
    const planned = mask([...CAPABILITIES, NET_RAW]);
    expect(status).toMatchObject({ CapPrm: planned, CapEff: planned, CapBnd: planned, CapInh: mask([]) });
  });

  test("A08: PID 1 has no capability, and cannot gain one", async () => {
    const status = await probe(flags, "answer(status(1))");
    const none = mask([]);
    expect(status).toMatchObject({ CapInh: none, CapPrm: none, CapEff: none, CapAmb: none, NoNewPrivs: "1" });
  });

  test("A09: a setuid program keeps the id of who runs it, without a capability", async () => {
    const script = `
      cp /usr/bin/id /bin/grep /work && chmod 4755 /work/id /work/grep
      as_user() { setpriv --reuid=1000 --clear-groups "$@"; }
      as_user /work/id -u
      as_user /work/grep CapEff /proc/self/status
      as_user su -c id || echo refused`;
    const { stdout } = await run([...flags, "sh", "-c", script]);
    expect(stdout).toBe(`1000\nCapEff:\t${mask([])}\nrefused\n`);
  });

  test("its ids are a range of 65,536 that the host's users do not have", async () => {
    const maps = await probe(flags, 'answer([read("/proc/self/" + n) for n in ("uid_map", "gid_map")])');
    expect(maps).toBeArrayOfSize(2);
    for (const map of maps as string[]) {
      const [inside, outside, count] = map.trim().split(/\s+/).map(Number);
      expect({ inside, count, remainder: Number(outside) % 65_536 }).toEqual({
        inside: 0,
        count: 65_536,
        remainder: 0,
      });
      expect(outside).toBeGreaterThanOrEqual(524_288);
    }
  });

  test("A16: no namespace can be made, nested user namespaces least of all", async () => {
    const { stdout } = await run([
      ...flags,
      "sh",
      "-c",
      'for flag in -Ur -U -m -u -i -n -p -C -T; do unshare $flag true && echo "unshare $flag worked"; done; true',
    ]);
    expect(stdout).toBe("");
    const { stderr, code } = await run([...flags, "unshare", "-Ur", "true"]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "unshare: unshare failed: No space left on device\n",
    });
  });

  test("A16: a program with 8 threads runs", async () => {
    const sums = await probe(
      flags,
      `
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool: answer(list(pool.map(sum, [range(1000)] * 8)))`,
    );
    expect(sums).toEqual(Array(8).fill(499_500));
  });

  test("no signal is ignored, blocked or caught, and SIGPIPE ends a writer in silence", async () => {
    const status = await run([...flags, "cat", "/proc/self/status"]);
    const signals = status.stdout.split("\n").filter((line) => /^Sig(Blk|Ign|Cgt)/.test(line));
    expect(signals).toEqual(["SigBlk", "SigIgn", "SigCgt"].map((name) => `${name}:\t${mask([])}`));
    const pipe = await run([...flags, "bash", "-c", "yes | head -1"]);
    expect(pipe).toEqual({ code: 0, stdout: "y\n", stderr: "" });
  });

  test("A40: cannot raise its priority over others, nor its limits", async () => {
    const outcomes = await probe(
      flags,
      `
def raise_limit(): resource.setrlimit(resource.RLIMIT_NOFILE, (10_000_000, 10_000_000))
def write_score():
    with open("/proc/self/oom_score_adj", "w") as file: file.write("-1000")
def real_time(): os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
def attempt_limit():
    try: raise_limit(); return "done"
    except ValueError: return "EPERM"
print(json.dumps({
    "oom_score_adj": attempt(write_score), "real time": attempt(real_time),
    "nice": attempt(lambda: os.nice(-5)), "open files": attempt_limit() }))`,
    );
    expect(outcomes).toEqual({
      oom_score_adj: "EACCES",
      "real time": "EPERM",
      nice: "EPERM",
      "open files": "EPERM",
    });
  });

  test("A40: the OOM killer prefers it to its supervisor", async () => {
    const score = await probe(flags, 'print(read("/proc/self/oom_score_adj"))');
    expect(score).toBe(500);
    expect(score).toBeGreaterThan(Number(readFileSync("/proc/self/oom_score_adj", "utf8")));
  });

  test("its resource limits are the documented ones, or the host's where those are lower", async () => {
    const wanted = {
      CORE: 1,
      NOFILE: 65_536,
      MEMLOCK: 65_536,
      MSGQUEUE: 204_800,
      RTPRIO: 0,
      NICE: 0,
      SIGPENDING: 4096,
    };
    const names = JSON.stringify(Object.keys(wanted));
    const program = `answer({n: resource.getrlimit(getattr(resource, "RLIMIT_" + n)) for n in ${names}})`;
    const limits = await probe(flags, program);
    const host = probeHost<Record<string, [number, number]>>(program);
    const expected = Object.entries(wanted).map(([name, most]) => {
      const [, hard = 0] = host[name] ?? [];
      const allowed = hard === -1 ? most : Math.min(most, hard);
      return [name, [name === "NOFILE" ? Math.min(1024, allowed) : allowed, allowed]];
    });
    expect(limits).toEqual(Object.fromEntries(expected));
  });
});

test("two jobs at once have different ids", async () => {
  const script = `
    mkfifo f; $RNX job run sh -c 'cat /proc/self/uid_map; cat' < f > first & exec 3> f
    until [ -s first ]; do sleep 0.05; done
    $RNX job run cat /proc/self/uid_map > second; exec 3>&-; wait; cat first second`;
  const { stdout } = await runShell(home, `cd $(mktemp -d -p $RNX_HOME) && ${script}`);
  const [first, second] = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/)[1]);
  expect(first).toMatch(/^\d+$/);
  expect(second).toMatch(/^\d+$/);
  expect(first).not.toBe(second);
});

requires(IS_IN_VM, "it sets the host's core_pattern")(
  "a crash starts no core handler of the host's, and leaves no core file",
  async () => {
    const { stdout } = await runShell(
      home,
      `
      cd $(mktemp -d -p $RNX_HOME); before=$(cat /proc/sys/kernel/core_pattern)
      printf '#!/bin/sh\\ntouch %s/handled\\n' $PWD > handler; chmod +x handler
      echo "|$PWD/handler" > /proc/sys/kernel/core_pattern
      sh -c 'ulimit -c 0; kill -SEGV $$'; sleep 0.5; ls
      rm -f handled; $RNX job run sh -c 'kill -SEGV $$'; echo $?; sleep 0.5; ls
      echo "$before" > /proc/sys/kernel/core_pattern`,
    );
    expect(stdout).toBe("handled\nhandler\n139\nhandler\n");
  },
);
