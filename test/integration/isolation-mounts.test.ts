import { describe, expect, test } from "bun:test";
import { ROOTS, useIsolatedJobs } from "../support/isolation.ts";
import { patient } from "../support/slowness.ts";

const { home, run, probe } = useIsolatedJobs();
const runtimeRoot = `${home}/runtimes/t/1.0.0/isolated`;

describe.each(ROOTS)("a job with $root", ({ flags }) => {
  test("A04: cannot mount, unmount or change a mount", async () => {
    const { outcomes, areMountsAsBefore } = await probe<{
      outcomes: Record<string, string>;
      areMountsAsBefore: boolean;
    }>(
      flags,
      `
MS_REMOUNT, MS_BIND, MNT_DETACH, AT_FDCWD, OPEN_TREE_CLONE, MOUNT_ATTR_NODEV = 32, 4096, 2, -100, 1, 4
OPEN_TREE, MOVE_MOUNT, FSOPEN, MOUNT_SETATTR = 428, 429, 430, 442
PIVOT_ROOT = 155 if os.uname().machine == "x86_64" else 41
before = read("/proc/self/mountinfo")
mask = next(line.split()[4] for line in before.splitlines() if line.split()[3] == "/null")
os.mkdir("/work/d")
outcomes = {
    "remount": outcome(libc.mount(b"x", b"/", None, MS_REMOUNT, None)),
    "mount tmpfs": outcome(libc.mount(b"x", b"/work/d", b"tmpfs", 0, None)),
    "mount proc": outcome(libc.mount(b"x", b"/work/d", b"proc", 0, None)),
    "bind": outcome(libc.mount(b"/", b"/work/d", None, MS_BIND, None)),
    "unmount a mask": outcome(libc.umount2(mask.encode(), 0)),
    "unmount /work": outcome(libc.umount2(b"/work", MNT_DETACH)),
    "unmount /": outcome(libc.umount2(b"/", MNT_DETACH)),
    "clone a tree": outcome(libc.syscall(OPEN_TREE, AT_FDCWD, b"/proc", OPEN_TREE_CLONE)),
    "new file system": outcome(libc.syscall(FSOPEN, b"tmpfs", 0)),
    "move": outcome(libc.syscall(MOVE_MOUNT, AT_FDCWD, b"/work", AT_FDCWD, b"/work/d", 0)),
    "set attributes": outcome(libc.syscall(
        MOUNT_SETATTR, AT_FDCWD, b"/work", 0, struct.pack("4Q", 0, MOUNT_ATTR_NODEV, 0, 0), 32)),
    "pivot": outcome(libc.syscall(PIVOT_ROOT, b"/work", b"/work")),
}
answer({"outcomes": outcomes, "areMountsAsBefore": read("/proc/self/mountinfo") == before})`,
    );
    expect(outcomes).toEqual(Object.fromEntries(Object.keys(outcomes).map((name) => [name, "EPERM"])));
    expect(areMountsAsBefore).toBe(true);
  });

  test("A04: every mount is nosuid, and nodev but for /dev, its terminals and the masks made of /dev/null", async () => {
    const { stdout } = await run([...flags, "cat", "/proc/self/mountinfo"]);
    const mounts = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([, , , root, path, options = ""]) => ({ root, path, options: options.split(",") }));
    const findLacking = (option: string) => mounts.filter(({ options }) => !options.includes(option));
    expect(mounts.length).toBeGreaterThan(10);
    expect(findLacking("nosuid")).toEqual([]);
    const withDevices = findLacking("nodev").filter(({ root }) => root !== "/null");
    expect(withDevices.map(({ path }) => path)).toEqual(["/dev", "/dev/pts"]);
  });

  test(
    "A06: opens no file by a guessed handle",
    async () => {
      const outcomes = await probe(
        flags,
        `
FILE_INDEX_32, FILE_INDEX_64 = 1, 0x81
mounts = [line.split()[4] for line in read("/proc/self/mountinfo").splitlines()]
seen = set()
for fd in [os.open(path, os.O_RDONLY | os.O_NONBLOCK) for path in mounts if os.access(path, os.R_OK)]:
    for handle_type in [FILE_INDEX_32, FILE_INDEX_64]:
        for inode in range(1001):
            handle = struct.pack("4I", 8, handle_type, inode, 0)
            seen.add(outcome(libc.open_by_handle_at(fd, handle, os.O_RDONLY)))
answer(sorted(seen))`,
      );
      expect(outcomes).toEqual(["EPERM"]);
    },
    patient(30_000),
  );

  test("A07: makes no device node, not even with CAP_MKNOD", async () => {
    const outcomes = await probe(
      [...flags, "--cap-add=MKNOD"],
      `
disk, null = (stat.S_IFBLK | 0o666, os.makedev(254, 0)), (stat.S_IFCHR | 0o666, os.makedev(1, 3))
places = ["/work", "/tmp", "/dev/shm", "/root", "/dev"]
answer({
    "outcomes": [[path, attempt(lambda: os.mknod(path + "/x", *node))] for path in places for node in [disk, null]],
    "made": [path for path in places if os.path.exists(path + "/x")] })`,
    );
    const own = ["/work", "/tmp", "/dev/shm", "/root"].map((path) => [path, "EPERM"]);
    const expected = [...own, ["/dev", "EACCES"]].flatMap((entry) => [entry, entry]);
    expect(outcomes).toEqual({ outcomes: expected, made: [] });
  });

  test("A07: /dev has the documented entries and no others; the job cannot change a device's mode", async () => {
    const devices = await probe(
      flags,
      `
def describe(path):
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode): return "-> " + os.readlink(path)
    device = f" {os.major(found.st_rdev)}:{os.minor(found.st_rdev)}" if stat.S_ISCHR(found.st_mode) else ""
    return stat.filemode(found.st_mode) + device
answer({"chmod": attempt(lambda: os.chmod("/dev/null", 0o600)),
        **{name: describe("/dev/" + name) for name in os.listdir("/dev")}})`,
    );
    expect(devices).toEqual({
      chmod: "EPERM",
      null: "crw-rw-rw- 1:3",
      zero: "crw-rw-rw- 1:5",
      full: "crw-rw-rw- 1:7",
      random: "crw-rw-rw- 1:8",
      urandom: "crw-rw-rw- 1:9",
      tty: "crw-rw-rw- 5:0",
      fd: "-> /proc/self/fd",
      stdin: "-> /proc/self/fd/0",
      stdout: "-> /proc/self/fd/1",
      stderr: "-> /proc/self/fd/2",
      ptmx: "-> pts/ptmx",
      pts: "drwxr-xr-x",
      shm: "drwxrwxrwt",
      mqueue: "drwxrwxrwt",
    });
  });

  test("A30: sees its own cgroup as the root, and cannot change it", async () => {
    const found = await probe(
      [...flags, "--max-pids=100"],
      `
def write(name, text):
    with open("/sys/fs/cgroup/" + name, "w") as file: file.write(text)
answer({
    "paths": sorted({line.split(":", 2)[2] for line in read("/proc/self/cgroup").splitlines()}),
    "unified": "0::/" in read("/proc/self/cgroup").splitlines(),
    "leave": attempt(lambda: write("cgroup.procs", "0")),
    "make": attempt(lambda: os.mkdir("/sys/fs/cgroup/x")),
    "raise memory": attempt(lambda: write("memory.max", "max")),
    "raise pids": attempt(lambda: write("pids.max", "max")),
    "kill": attempt(lambda: write("cgroup.kill", "1")) })`,
    );
    const [leave, make, memory, pids, kill] = Array(5).fill("EROFS");
    expect(found).toEqual({
      paths: ["/"],
      unified: true,
      leave,
      make,
      "raise memory": memory,
      "raise pids": pids,
      kill,
    });
  });
});

describe("a runtime's files", () => {
  test("A05: stay as they are whatever a job does to its root; the next job has them", async () => {
    const before = digestOfTree(runtimeRoot);
    const attack =
      "echo x >/usr/bin/env; chmod 777 /etc/shadow; rm -rf /usr/lib; ls -d /usr/lib; cat /usr/bin/env";
    const attacked = await run(["--runtime=t", "sh", "-c", attack]);
    expect(attacked.stdout).not.toContain("/usr/lib\n");
    expect(digestOfTree(runtimeRoot)).toBe(before);
    expect(await run(["--runtime=t", "env", "true"])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("belong to the job's root, those that only root may read too", async () => {
    const { stdout } = await run([
      "--runtime=t",
      "sh",
      "-c",
      "stat -c '%u %g %a' /etc/shadow; cat /etc/shadow",
    ]);
    expect(stdout).toStartWith("0 42 640\nroot:");
  });
});

/** Names, owners, modes, times and contents of everything in a directory. */
function digestOfTree(directory: string): string {
  const script = `tar --sort=name --numeric-owner -cf - . | sha256sum`;
  return Bun.spawnSync(["sh", "-c", script], { cwd: directory }).stdout.toString();
}
