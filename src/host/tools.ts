import { findText, type PackageManager, parsePackageManager } from "./facts.ts";

/** A program of the host that some commands call. */
export interface Tool {
  /** The first that is found is used. */
  readonly programs: readonly string[];
  readonly neededFor: string;
  readonly packages: Readonly<Record<PackageManager, string>>;
}

/** Every outside program that rnx may call. A job itself needs none of them. */
export const TOOLS = {
  mmdebstrap: {
    programs: ["mmdebstrap", "debootstrap"],
    neededFor: "rnx runtime build",
    packages: { "apt-get": "mmdebstrap", dnf: "debootstrap" },
  },
  ip: {
    programs: ["ip"],
    neededFor: "networks",
    packages: { "apt-get": "iproute2", dnf: "iproute" },
  },
  nft: {
    programs: ["nft"],
    neededFor: "networks",
    packages: { "apt-get": "nftables", dnf: "nftables" },
  },
  mkfs: {
    programs: ["mkfs.ext4"],
    neededFor: "rnx volume create",
    packages: { "apt-get": "e2fsprogs", dnf: "e2fsprogs" },
  },
  systemctl: {
    programs: ["systemctl"],
    neededFor: "timers of schedules",
    packages: { "apt-get": "systemd", dnf: "systemd" },
  },
} as const satisfies Readonly<Record<string, Tool>>;

/** Where root's programs are, even when the caller's PATH is a user's. */
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The path of the tool's first program that is there, or undefined. */
export function findTool(tool: Tool): string | undefined {
  const search = { PATH: `${process.env["PATH"] ?? ""}:${SYSTEM_PATH}` };
  for (const program of tool.programs) {
    const found = Bun.which(program, search);
    if (found !== null) return found;
  }
  return undefined;
}

/** The command that installs the tool on this host. */
export function describeInstall(tool: Tool): string {
  return installCommand(tool, parsePackageManager(findText("/etc/os-release") ?? ""));
}

/** The command for a package manager; for an unknown one, what has to be installed. */
export function installCommand(tool: Tool, manager: PackageManager | undefined): string {
  return manager === undefined
    ? `install ${tool.programs.join(" or ")} with the package manager of this system`
    : `${manager} install -y ${tool.packages[manager]}`;
}
