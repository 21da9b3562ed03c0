import { describe, expect, test } from "bun:test";
import { DEFAULT_CAPABILITIES } from "../../../src/sandbox/capabilities.ts";
import { explainPlan } from "../../../src/sandbox/explain.ts";
import { planSandbox, type SandboxInput } from "../../../src/sandbox/plan.ts";
import { WANTED_RESOURCE_LIMITS } from "../../../src/sandbox/process.ts";
import type { Step } from "../../../src/sandbox/step.ts";

const input: SandboxInput = {
  hostname: "box",
  root: { kind: "host", entries: [{ kind: "directory", path: "/usr" }] },
  directories: {
    root: "/home/jobs/x/root",
    lower: "/home/jobs/x/lower",
    upper: "/home/jobs/x/upper",
    overlayWork: "/home/jobs/x/overlay",
    work: "/home/jobs/x/work",
  },
  generatedFiles: [{ path: "/etc/hostname", text: "box\n" }],
  identity: { firstId: 524_288, hasUserNamespace: true },
  network: "none",
  temporaryBytes: 64 * 1024 * 1024,
  sharedMemoryBytes: 64 * 1024 * 1024,
  resourceLimits: WANTED_RESOURCE_LIMITS,
  capabilities: DEFAULT_CAPABILITIES,
  command: { argv: ["id", "-u"], environment: { PATH: "/usr/bin:/bin", SECRET: "s3cret" }, workdir: "/work" },
};

const plan = (changes: Partial<SandboxInput> = {}, joinFiles: readonly string[] = []) =>
  planSandbox({ ...input, ...changes }, joinFiles);
const labels = (steps: readonly Step[]) => steps.map(({ label }) => label);
const position = (steps: readonly Step[], label: string) => {
  const at = labels(steps).indexOf(label);
  expect(at, `a step "${label}"`).toBeGreaterThanOrEqual(0);
  return at;
};

describe("the order that the security argument rests on", () => {
  test("mounts are private before anything is mounted", () => {
    const { init } = plan();
    const firstMount = init.findIndex(({ call }) => ["mount", "move_mount", "open_tree"].includes(call));
    expect(init[firstMount]?.label).toBe("make mounts private");
  });

  test("nothing is mounted, and no host name or address set, once the user namespace is entered", () => {
    const { init } = plan();
    const entered = position(init, "enter user namespace");
    const privileged = [
      "mount",
      "move_mount",
      "open_tree",
      "umount2",
      "pivot_root",
      "mknodat",
      "sethostname",
      "ioctl",
    ];
    expect(init.slice(entered).filter(({ call }) => privileged.includes(call))).toEqual([]);
  });

  test("the job enters its user namespace after the other namespaces, and drops privileges after that", () => {
    const { job } = plan();
    const order = [
      "join the sandbox",
      "enter user namespace",
      "drop supplementary groups",
      "set group id",
      "set user id",
      "set capabilities",
      "set no_new_privs",
      "close descriptors at execve",
      "enter working directory",
      "execute command",
    ];
    const positions = order.map((label) => position(job, label));
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  });

  test("/proc is masked after /dev/null is made, and both after the pivot", () => {
    const { init } = plan();
    const order = ["pivot to the root", "create /dev/null", "mask /proc/kcore", "bind /proc/sys"];
    const positions = order.map((label) => position(init, label));
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  });

  test("v1 cgroups are entered while the host's mounts are in sight", () => {
    const { job } = plan({}, ["/sys/fs/cgroup/pids/joblet/x/tasks"]);
    expect(position(job, "enter cgroup")).toBeLessThan(position(job, "join the sandbox"));
  });
});

describe("every mount point in a root that somebody else wrote", () => {
  test("is opened below the root without following links", () => {
    const { init } = plan({ root: { kind: "runtime", tree: "/home/runtimes/t/isolated" } });
    for (const target of ["work", "tmp", "dev", "proc", "sys"]) {
      const open = init.find(({ label }) => label === `open /${target}`);
      expect(JSON.stringify(open?.args)).toContain("RESOLVE_NO_SYMLINKS");
      expect(JSON.stringify(open?.args)).toContain("RESOLVE_IN_ROOT");
    }
  });

  test("is the only kind: before the pivot no mount has an absolute target below the root", () => {
    const { init } = plan({ root: { kind: "runtime", tree: "/home/runtimes/t/isolated" } });
    const targets = init.slice(0, position(init, "pivot to the root")).flatMap(({ call, args }) => {
      const target = call === "mount" ? args[1] : call === "move_mount" ? args[3] : undefined;
      return typeof target === "string" ? [target] : [];
    });
    expect(new Set(targets)).toEqual(new Set(["/", input.directories.lower, input.directories.root, "."]));
  });
});

describe("the plan's variants", () => {
  test("--userns=off neither makes nor enters a user namespace, and keeps the capability sets small", () => {
    const { holder, init, job } = plan({ identity: { firstId: 0, hasUserNamespace: false } });
    expect(holder).toEqual([]);
    expect(labels([...init, ...job])).not.toContain("enter user namespace");
    expect(labels(job)).toContain("drop CAP_SYS_ADMIN");
  });

  test("the host's network is neither unshared nor joined nor changed", () => {
    const { init, job } = plan({ network: "host" });
    expect(JSON.stringify([init, job])).not.toContain("CLONE_NEWNET");
    expect(labels(init)).not.toContain("bring up loopback");
    expect(JSON.stringify(init)).not.toContain("/proc/sys/net");
  });

  test("a command with a slash is executed as it stands, one without from each PATH directory in turn", () => {
    const paths = (argv: readonly string[]) =>
      plan({ command: { ...input.command, argv } })
        .job.filter(({ call }) => call === "execve")
        .map(({ args, tolerates }) => [args[0], tolerates.length > 0]);
    expect(paths(["./x"])).toEqual([["./x", false]]);
    expect(paths(["x"])).toEqual([
      ["/usr/bin/x", true],
      ["/bin/x", false],
    ]);
  });

  test("colons and commas of a path do not split overlay's options", () => {
    const directories = { ...input.directories, upper: "/a,b:c\\d" };
    const { init } = plan({ root: { kind: "runtime", tree: "/t" }, directories });
    const overlay = init.find(({ label }) => label === "mount overlay on /");
    expect(overlay?.args[4]).toContain("upperdir=/a\\,b\\:c\\\\d,");
  });
});

describe("the explanation", () => {
  test("has names instead of numbers, and no environment", () => {
    const text = explainPlan(plan());
    expect(text).toContain(
      'mount proc on /proc: mount("proc", ".", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, 0)',
    );
    expect(text).toContain("enter user namespace: setns(<userNamespace>, CLONE_NEWUSER)");
    expect(text).toContain(
      'execute command: execve("/usr/bin/id", ["id","-u"]) (may fail: ENOENT ENOTDIR EACCES)',
    );
    expect(text).not.toContain("s3cret");
  });

  test("is stable: what a job's own steps are", () => {
    expect(
      explainPlan({ ...plan(), holder: [], init: [] })
        .split("\n")
        .filter((line) => !line.includes("drop CAP_") && !line.includes("RLIMIT_")),
    ).toMatchInlineSnapshot(`
      [
        "user namespace: ids 0-65535 of the job are 524288-589823 of the host",
        "job:",
        "  take stdin: dup3(<stdin of the parent>, 0, 0)",
        "  take stdout: dup3(<stdout of the parent>, 1, 0)",
        "  take stderr: dup3(<stderr of the parent>, 2, 0)",
        "  take init descriptor: dup3(<init of the parent>, <init>, O_CLOEXEC)",
        "  take ready descriptor: dup3(<ready of the parent>, <ready>, O_CLOEXEC)",
        "  take userNamespace descriptor: dup3(<userNamespace of the parent>, <userNamespace>, O_CLOEXEC)",
        "  close inherited descriptors: close_range(3, 63, 0)",
        "  set umask: umask(022)",
        "  join the sandbox: setns(<init>, CLONE_NEWNS|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWNET)",
        "  new cgroup namespace: unshare(CLONE_NEWCGROUP)",
        "  mount cgroup2 on /sys/fs/cgroup: mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_RDONLY|MS_NOSUID|MS_NODEV|MS_NOEXEC, 0)",
        "  new session: setsid()",
        "  open /proc/self/oom_score_adj: openat(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY|O_CLOEXEC, 0)",
        "  set oom_score_adj: write(<opened>, "500", 3)",
        "  close: close(<opened>)",
        "  reset SIGPIPE: rt_sigaction(SIGPIPE, sigaction SIG_DFL {SIG_DFL, 0, 0, 0}, 0, 8)",
        "  reset SIGXFSZ: rt_sigaction(SIGXFSZ, sigaction SIG_DFL {SIG_DFL, 0, 0, 0}, 0, 8)",
        "  unblock signals: rt_sigprocmask(SIG_SETMASK, empty signal set {0}, 0, 8)",
        "  enter user namespace: setns(<userNamespace>, CLONE_NEWUSER)",
        "  drop supplementary groups: setgroups(0, 0)",
        "  set group id: setresgid(0, 0, 0)",
        "  set user id: setresuid(0, 0, 0)",
        "  clear ambient capabilities: prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)",
        "  set capabilities: capset(capability header, capabilities CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP CAP_SYS_CHROOT)",
        "  join a new session keyring: keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) (may fail: ENOSYS)",
        "  set no_new_privs: prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)",
        "  close descriptors at execve: close_range(3, 0xffffffff, CLOSE_RANGE_CLOEXEC)",
        "  enter working directory: chdir("/work")",
        "  execute command: execve("/usr/bin/id", ["id","-u"]) (may fail: ENOENT ENOTDIR EACCES)",
        "  execute command: execve("/bin/id", ["id","-u"])",
      ]
    `);
  });
});
