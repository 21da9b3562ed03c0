/**
 * Writes src/linux/constants.ts, src/linux/errno.ts and src/linux/syscalls.ts from the kernel's own headers.
 *
 *   apt-get install -y gcc linux-libc-dev
 *   bun scripts/constants.ts
 *
 * The result is committed: a build needs no compiler and no headers. Run it again to add a name.
 */
import { writeFileSync } from "node:fs";

/** Group in the generated file -> the headers that define it, and which of their macros are wanted. */
const GROUPS: Record<string, { headers: readonly string[]; names: RegExp }> = {
  MOUNT: {
    headers: ["linux/mount.h", "fcntl.h"],
    names:
      /^(MS_(RDONLY|NOSUID|NODEV|NOEXEC|REMOUNT|BIND|REC|PRIVATE|SLAVE|STRICTATIME|NOATIME|RELATIME)|MOUNT_ATTR_(RDONLY|NOSUID|NODEV|NOEXEC|STRICTATIME|NOATIME|IDMAP|NOSYMFOLLOW)|OPEN_TREE_(CLONE|CLOEXEC)|MOVE_MOUNT_[FT]_(EMPTY_PATH|SYMLINKS)|FSOPEN_CLOEXEC|FSMOUNT_CLOEXEC|FSCONFIG_\w+)$/,
  },
  UMOUNT: { headers: ["sys/mount.h"], names: /^MNT_DETACH$/ },
  FCNTL: {
    headers: ["linux/fcntl.h"],
    names:
      /^(O_(RDONLY|WRONLY|RDWR|CREAT|EXCL|TRUNC|APPEND|NONBLOCK|DIRECTORY|NOFOLLOW|CLOEXEC|PATH|NOCTTY|TMPFILE)|AT_(FDCWD|EMPTY_PATH|RECURSIVE|SYMLINK_NOFOLLOW|REMOVEDIR)|F_(GETFD|SETFD|GETFL|SETFL|DUPFD_CLOEXEC|ADD_SEALS|GET_SEALS|SETPIPE_SZ|SEAL_(SEAL|SHRINK|GROW|WRITE))|FD_CLOEXEC)$/,
  },
  OPENAT2: { headers: ["linux/openat2.h"], names: /^RESOLVE_/ },
  FLOCK: { headers: ["sys/file.h"], names: /^LOCK_(SH|EX|NB|UN)$/ },
  SCHED: { headers: ["linux/sched.h"], names: /^(CLONE_(VM|VFORK|NEW\w+|PIDFD|INTO_CGROUP|CLEAR_SIGHAND))$/ },
  PRCTL: {
    headers: ["linux/prctl.h"],
    names:
      /^PR_(SET_DUMPABLE|SET_NO_NEW_PRIVS|CAPBSET_DROP|CAP_AMBIENT|CAP_AMBIENT_CLEAR_ALL|SET_SECUREBITS)$/,
  },
  SECUREBITS: { headers: ["linux/securebits.h"], names: /^SECBIT_NOROOT(_LOCKED)?$/ },
  RESOURCE: { headers: ["sys/resource.h"], names: /^__RLIMIT_|^RLIMIT_\w+$/ },
  SIGNAL: { headers: ["asm/signal.h"], names: /^(SIG(?!RTM)[A-Z0-9]+|SIG_(IGN|DFL|SETMASK|BLOCK|UNBLOCK))$/ },
  CAPABILITY: { headers: ["linux/capability.h"], names: /^(CAP_[A-Z_]+|_LINUX_CAPABILITY_VERSION_3)$/ },
  KEYCTL: { headers: ["linux/keyctl.h"], names: /^KEYCTL_JOIN_SESSION_KEYRING$/ },
  SOCKET: {
    headers: ["sys/socket.h", "linux/sockios.h", "net/if.h"],
    names:
      /^(AF_(INET|INET6|UNIX|NETLINK)|SOCK_(DGRAM|STREAM|CLOEXEC)|SIOCSIFFLAGS|SIOCGIFFLAGS|IFF_UP|MSG_(DONTWAIT|NOSIGNAL))$/,
  },
  MEMFD: { headers: ["linux/memfd.h"], names: /^MFD_(CLOEXEC|ALLOW_SEALING|EXEC)$/ },
  MMAN: { headers: ["sys/mman.h"], names: /^(PROT_(READ|WRITE|EXEC)|MAP_(PRIVATE|ANONYMOUS))$/ },
  WAIT: { headers: ["sys/wait.h"], names: /^(WNOHANG|WUNTRACED|__WALL)$/ },
  CLOSE_RANGE: { headers: ["linux/close_range.h"], names: /^CLOSE_RANGE_CLOEXEC$/ },
  POLL: { headers: ["poll.h"], names: /^POLL(IN|OUT|ERR|HUP|NVAL)$/ },
  MAGIC: {
    headers: ["linux/magic.h"],
    names:
      /^(PROC_SUPER_MAGIC|TMPFS_MAGIC|CGROUP2_SUPER_MAGIC|OVERLAYFS_SUPER_MAGIC|NFS_SUPER_MAGIC|EXT4_SUPER_MAGIC|SYSFS_MAGIC)$/,
  },
  STAT: { headers: ["linux/stat.h"], names: /^S_IF(CHR|REG|DIR|LNK|MT|BLK|IFO|SOCK)$/ },
};

/** Values given by an enum in the header, which no preprocessor shows. */
const ENUM_NAMES: Record<string, readonly string[]> = {
  MOUNT: ["FSCONFIG_SET_FLAG", "FSCONFIG_SET_STRING", "FSCONFIG_SET_FD", "FSCONFIG_CMD_CREATE"],
};

/** The system calls that rnx makes: the tables are loaded at every start, and a whole one would cost 0.2 ms. */
const CALLS = new Set(
  `capset chdir close close_range dup3 execve execveat fchdir fchownat fcntl flock ioctl keyctl kill memfd_create
   mkdirat mknodat mount mount_setattr move_mount open_tree openat openat2 pidfd_open pipe2 pivot_root ppoll prctl
   prlimit64 ptrace read rt_sigaction rt_sigprocmask setgroups sethostname setns setresgid setresuid setsid
   socket statfs symlinkat umask umount2 unshare wait4 write`.split(/\s+/),
);

function run(command: string[], stdin: string): string {
  const result = Bun.spawnSync(command, { stdin: Buffer.from(stdin) });
  if (result.exitCode !== 0) throw new Error(`${command.join(" ")}: ${result.stderr.toString()}`);
  return result.stdout.toString();
}

const includes = (headers: readonly string[]) => headers.map((h) => `#include <${h}>\n`).join("");

function macroNames(headers: readonly string[], names: RegExp): string[] {
  const macros = run(["cpp", "-dM", "-D_GNU_SOURCE", "-"], includes(headers));
  return [...macros.matchAll(/^#define (\w+) \S/gm)].map((m) => m[1]!).filter((n) => names.test(n));
}

/** Compiles and runs a program that prints each name's value: enum members and casts included. */
function values(headers: readonly string[], names: readonly string[]): Map<string, bigint> {
  const prints = names.map((n) => `  printf("${n} %lld\\n", (long long)(${n}));\n`).join("");
  const source = `${includes(headers)}#include <stdio.h>\nint main(void) {\n${prints}  return 0;\n}\n`;
  const program = `${process.env.TMPDIR ?? "/tmp"}/rnx-constants-${process.pid}`;
  run(["gcc", "-D_GNU_SOURCE", "-x", "c", "-o", program, "-"], source);
  const output = run([program], "");
  run(["rm", program], "");
  return new Map(
    output
      .trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string])
      .map(([n, v]) => [n, BigInt(v)]),
  );
}

const GENERATED = "// Generated by scripts/constants.ts from the Linux headers named below. Do not edit.\n\n";

function constantsFile(): string {
  let text = GENERATED;
  for (const [group, { headers, names }] of Object.entries(GROUPS)) {
    const found = [...new Set([...macroNames(headers, names), ...(ENUM_NAMES[group] ?? [])])];
    const rows = [...values(headers, found)].sort(([a, x], [b, y]) =>
      x === y ? (a < b ? -1 : 1) : x < y ? -1 : 1,
    );
    const body = rows.map(
      ([name, value]) => `  ${name}: ${value < 0n || value < 16n ? value : `0x${value.toString(16)}`},\n`,
    );
    text += `/** ${headers.join(", ")} */\nexport const ${group} = {\n${body.join("")}} as const;\n\n`;
  }
  return text;
}

/** The errnos that rnx tells apart; the others have a name to be shown and no more. */
const ERRNOS = new Set(
  `E2BIG EACCES EAGAIN EBADF ECHILD EEXIST EINTR EINVAL ELOOP ENAMETOOLONG ENODEV ENOENT ENOEXEC ENOMEM ENOSPC ENOSYS ENOTDIR
   EPERM EROFS ESRCH`.split(/\s+/),
);

function errnoFile(): string {
  const headers = ["errno.h"];
  const aliases = ["EWOULDBLOCK", "EDEADLOCK", "ENOTSUP"];
  const found = macroNames(headers, /^E[A-Z0-9]+$/).filter((name) => !aliases.includes(name));
  const rows = [...values(headers, found)].sort(([, a], [, b]) => Number(a - b));
  const names: string[] = [];
  for (const [name, number] of rows) names[Number(number)] = name;
  const used = rows.filter(([name]) => ERRNOS.has(name)).map(([name, number]) => `  ${name}: ${number},\n`);
  return (
    GENERATED +
    `/** errno.h: the errnos that rnx tells apart. */\nexport const ERRNO = {\n${used.join("")}} as const;\n\n` +
    `/** errno.h: the name of each number, "" where there is none. */\n` +
    `export const ERRNO_NAMES: readonly string[] = ${JSON.stringify(Array.from(names, (name) => name ?? ""))};\n`
  );
}

/** The system call numbers of one architecture: `__NR_` macros of the header that its libc includes. */
function syscallTable(defines: readonly string[], header: string): string {
  const macros = run(["cpp", "-dM", ...defines, "-"], `#include <${header}>\n`);
  const values = new Map(
    [...macros.matchAll(/^#define (__NR(?:3264)?_\w+) (\w+)$/gm)].map((m) => [m[1]!, m[2]!] as const),
  );
  const rows: (readonly [string, number])[] = [];
  for (const [macro, value] of values) {
    const number = Number(values.get(value) ?? value);
    const name = macro.replace(/^__NR_/, "");
    if (CALLS.has(name) && Number.isInteger(number)) rows.push([name, number]);
  }
  return rows
    .sort(([, a], [, b]) => a - b)
    .map(([n, v]) => `  ${n}: ${v},\n`)
    .join("");
}

function syscallsFile(): string {
  const x64 = syscallTable([], "asm/unistd_64.h");
  const arm64 = syscallTable(
    [
      "-D__BITS_PER_LONG=64",
      "-D__ARCH_WANT_RENAMEAT",
      "-D__ARCH_WANT_NEW_STAT",
      "-D__ARCH_WANT_SET_GET_RLIMIT",
      "-D__ARCH_WANT_TIME32_SYSCALLS=0",
      "-D__ARCH_WANT_SYS_CLONE3",
      "-D__ARCH_WANT_MEMFD_SECRET",
    ],
    "asm-generic/unistd.h",
  );
  return (
    GENERATED +
    `/** asm/unistd_64.h: system call numbers of x86-64. */\nexport const SYSCALLS_X64 = {\n${x64}} as const;\n\n` +
    `/** asm-generic/unistd.h as arm64 includes it. */\nexport const SYSCALLS_ARM64 = {\n${arm64}} as const;\n`
  );
}

const target = new URL("../src/linux/", import.meta.url).pathname;
writeFileSync(`${target}constants.ts`, constantsFile());
writeFileSync(`${target}errno.ts`, errnoFile());
writeFileSync(`${target}syscalls.ts`, syscallsFile());
run([process.execPath, "fmt", target], "");
