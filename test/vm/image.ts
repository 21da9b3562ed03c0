import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { provideCached } from "../support/cache.ts";
import { provideTestRoot } from "../support/runtime.ts";
import { findDebianArchive, listAptOptions } from "./archive.ts";
import { runLogged } from "./command.ts";
import { makeDisk } from "./disk.ts";

/** What a machine boots from. `disk` is a pattern to be copied, never written to. */
export interface Image {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
}

const SUITE = "bookworm";
const DISK_BYTES = 6 * 1024 ** 3;
const GUEST = join(import.meta.dir, "guest");

/** The kernel with systemd as PID 1; what rnx uses; what the tests use or compare rnx with. */
const PACKAGES = [
  ...["linux-image-cloud-amd64", "systemd", "systemd-sysv", "dbus", "udev", "kmod"],
  ...["procps", "iproute2", "nftables", "e2fsprogs", "util-linux", "bsdextrautils"],
  ...["python3", "strace", "keyutils", "bubblewrap", "crun"],
];

/** Left out: dpkg would unpack them into every image, and no test reads them. */
const UNREAD = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];

/** Units that cost boot time under emulation and do nothing for a test. */
const MASKED = [
  ...[
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
  ],
  ...["e2scrub_reap.service", "getty@tty1.service", "serial-getty@ttyS0.service", "systemd-pstore.service"],
];

/** The image with these packages besides the usual ones, from the cache or made now (some 40 s). */
export async function provideImage(extraPackages: readonly string[]): Promise<Image> {
  const packages = [...PACKAGES, ...extraPackages];
  const archive = await findDebianArchive();
  const aptOptions = await listAptOptions();
  const runtime = await provideTestRoot();
  const guest = readdirSync(GUEST).map((name) => readFileSync(join(GUEST, name), "utf8"));
  const recipe = readFileSync(import.meta.path, "utf8");
  const directory = await provideCached(
    "vm",
    { packages, archive, aptOptions, runtime, guest, recipe },
    (part) => buildImage(part, archive, runtime, ["--include=" + packages.join(","), ...aptOptions]),
  );
  return {
    disk: join(directory, "disk.img"),
    kernel: join(directory, "vmlinuz"),
    initrd: join(directory, "initrd.img"),
  };
}

/** Where the machine has the root file system of the tests' runtime. */
export const RUNTIME_ROOT = "/var/lib/rnx-test-runtime";

async function buildImage(
  directory: string,
  archive: string,
  runtime: string,
  options: readonly string[],
): Promise<void> {
  const root = join(directory, "root");
  const log = join(directory, "build.log");
  await runLogged("machine image", log, [
    "mmdebstrap",
    "--variant=minbase",
    ...options,
    ...UNREAD.map((path) => `--dpkgopt=path-exclude=${path}`),
    `--setup-hook=${SMALL_INITRD}`,
    SUITE,
    root,
    archive,
  ]);
  installGuest(root);
  await runLogged("machine image", log, ["cp", "-al", runtime, join(root, RUNTIME_ROOT)]);
  const boot = readdirSync(join(root, "boot"));
  for (const name of ["vmlinuz", "initrd.img"]) {
    const versioned = boot.find((entry) => entry.startsWith(`${name}-`));
    if (versioned === undefined) throw new Error(`machine image: no ${name} in its /boot`);
    copyFileSync(join(root, "boot", versioned), join(directory, name));
  }
  await makeDisk({ disk: join(directory, "disk.img"), label: "root", content: root, bytes: DISK_BYTES, log });
  rmSync(root, { recursive: true });
}

/** Only the modules that find the disk: a third of the size, one second less to boot. */
const SMALL_INITRD = [
  'mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"',
  'echo MODULES=list > "$1/etc/initramfs-tools/conf.d/rnx"',
  'printf "virtio_pci\\nvirtio_blk\\n" > "$1/usr/share/initramfs-tools/modules.d/rnx"',
].join(" && ");

/** The agent that runs the driver's commands, the mount of the repository, and less to start. */
function installGuest(root: string): void {
  const units = join(root, "etc/systemd/system");
  mkdirSync(join(root, "usr/local/lib/rnx"), { recursive: true });
  mkdirSync(join(root, "rnx"));
  copyFileSync(join(GUEST, "agent"), join(root, "usr/local/lib/rnx/agent"));
  chmodSync(join(root, "usr/local/lib/rnx/agent"), 0o755);
  copyFileSync(join(GUEST, "rnx-agent.service"), join(units, "rnx-agent.service"));
  mkdirSync(join(units, "multi-user.target.wants"), { recursive: true });
  symlinkSync("../rnx-agent.service", join(units, "multi-user.target.wants/rnx-agent.service"));
  for (const unit of MASKED) symlinkSync("/dev/null", join(units, unit));
  writeFileSync(join(root, "etc/fstab"), "LABEL=rnx /rnx ext4 ro 0 0\n");
  writeFileSync(join(root, "etc/hostname"), "rnx-vm\n");
}
