import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { ROOTS, useIsolatedJobs } from "../support/isolation.ts";

const { home, canary, run, probe } = useIsolatedJobs();

/** What a root has besides what comes from the host's or the runtime's file system. */
const OWN = ["dev", "proc", "sys", "tmp", "work"];

describe.each(ROOTS)("a job with $root", ({ flags }) => {
  test("A02: reads no file of the host's root, and no record", async () => {
    await run(["true"]);
    const paths = [canary.file, `${home}/jobs/*/job.json`, `/proc/1/root${canary.file}`];
    const climbing = [`/proc/self/root${canary.file}`, `/work/../../../..${canary.file}`];
    const { code, stdout } = await run([
      ...flags,
      ...["sh", "-c", `ls /opt; cat ${[...paths, ...climbing].join(" ")}`],
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  test("A02: chroot and .. do not lead out of its root", async () => {
    const found = await probe(
      flags,
      `
os.mkdir("/work/d")
outside = os.open("/", os.O_RDONLY)
os.chroot("/work/d")
os.fchdir(outside)
for _ in range(100): os.chdir("..")
os.chroot(".")
answer({"canary": attempt(lambda: os.stat("${canary.file}")), "its own root": os.path.isdir("/work/d")})`,
    );
    expect(found).toEqual({ canary: "ENOENT", "its own root": true });
  });

  test("A10: opens no file of /proc or /sys for writing that is not its own process's", async () => {
    const settings = ["core_pattern", "modprobe", "hostname", "sysrq"].map(
      (name) => `/proc/sys/kernel/${name}`,
    );
    const read = () => settings.filter(existsSync).map((path) => readFileSync(path, "utf8"));
    const before = read();
    const found = await probe<{ count: number; writable: string[] }>(
      flags,
      `
paths = []
for top in ["/proc", "/sys"]:
    for directory, directories, files in os.walk(top):
        if directory == "/proc": directories[:] = [name for name in directories if not name.isdigit()]
        paths += [os.path.join(directory, name) for name in files]
def is_masked(path): return os.stat(path).st_rdev == os.makedev(1, 3)
def write(path): os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
paths = [path for path in paths if os.path.exists(path) and not os.path.islink(path) and not is_masked(path)]
answer({"count": len(paths), "writable": [path for path in paths if attempt(lambda: write(path)) == "done"]})`,
    );
    expect(found.writable).toEqual([]);
    expect(found.count).toBeGreaterThan(100);
    expect(read()).toEqual(before);
  });

  test("A11: the kernel's memory, keys and addresses and the host's devices are hidden", async () => {
    const found = await probe(
      flags,
      `
def head(name):
    try:
        with open("/proc/" + name, "rb") as file: return len(file.read(8))
    except OSError as error: return errno.errorcode[error.errno]
def names(path): return sorted(os.listdir(path)) if os.path.isdir(path) else []
files = ["kcore", "keys", "key-users", "kallsyms", "kmsg", "timer_list", "sched_debug", "interrupts", "modules",
         "kpageflags", "kpagecount", "slabinfo", "vmallocinfo", "partitions", "diskstats", "swaps"]
answer({
    "readable": [name for name in files if head(name) not in [0, "EACCES", "EPERM", "ENOENT"]],
    "in directories": [name for path in ["acpi", "asound", "driver", "scsi"] for name in names("/proc/" + path)],
    "sys": names("/sys"), "sys/fs": names("/sys/fs"), "sys/devices": names("/sys/devices"),
    "sys/devices/system": names("/sys/devices/system"), "firmware": names("/sys/firmware") })`,
    );
    expect(found).toEqual({
      readable: [],
      "in directories": [],
      sys: ["devices", "fs"],
      "sys/fs": ["cgroup"],
      "sys/devices": ["system"],
      "sys/devices/system": ["cpu"],
      firmware: [],
    });
  });
});

describe("a job without a runtime", () => {
  const directory = mkdtempSync("/usr/local/rnx-test-");
  afterAll(() => rmSync(directory, { recursive: true }));

  test("has the documented directories in /, and in those of its own nothing of the host's", async () => {
    const programs = ["bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr"];
    const own = ["etc", "home", "opt", "root", "run", "var", ...OWN];
    const expected = [...own, ...programs.filter((name) => existsSync(`/${name}`))];
    const found = await run(["ls", "-A", "/"]);
    expect(found.stdout.trim().split("\n")).toEqual(expected.sort());

    const contents = "find /root /home /opt /run /var /tmp /work -mindepth 1";
    expect(await run(["sh", "-c", contents])).toEqual({ code: 0, stdout: "/var/tmp\n", stderr: "" });
  });

  test("has no user, key or identity of the host's in /etc", async () => {
    const files =
      "shadow gshadow sudoers ssh machine-id hostid fstab rnx.yml environment cron.d systemd".split(" ");
    const { stdout } = await run(["sh", "-c", `cd /etc; ls -d ${files.join(" ")}; cut -d: -f1 passwd`]);
    expect(stdout).toBe("root\nnobody\n");
  });

  test("does not read what only root may read below /usr", async () => {
    writeFileSync(`${directory}/secret`, canary.text, { mode: 0o600 });
    writeFileSync(`${directory}/open`, "for all", { mode: 0o644 });
    chmodSync(directory, 0o755);
    const { code, stdout, stderr } = await run(["cat", `${directory}/open`, `${directory}/secret`]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "for all" });
    expect(stderr).toContain("Permission denied");
  });

  test("A05: changes nothing below /usr, not even where everybody may write", async () => {
    writeFileSync(`${directory}/writable`, "as it was");
    chmodSync(directory, 0o777);
    chmodSync(`${directory}/writable`, 0o666);
    const attack = `cd ${directory}; echo x >writable; echo x >new; rm -f writable; mv writable moved; chmod 000 .; ls`;
    const { stdout, stderr } = await run(["sh", "-c", attack]);
    expect(stdout.split("\n")).toContain("writable");
    expect(stderr.match(/Read-only file system/g)).toBeArrayOfSize(5);
    expect(readdirSync(directory)).not.toContain("new");
    expect(readFileSync(`${directory}/writable`, "utf8")).toBe("as it was");
  });
});

test("a job with a runtime has the runtime's / and the directories that rnx adds", async () => {
  const runtime = readdirSync(`${home}/runtimes/t/1.0.0/isolated`);
  const { stdout } = await run(["--runtime=t", "ls", "-A", "/"]);
  expect(stdout.trim().split("\n")).toEqual([...new Set([...runtime, ...OWN])].sort());
  const found = await run(["--runtime=t", "sh", "-c", "ls -A /root /home /opt /work"]);
  expect(found.stdout).not.toContain("canary");
});
