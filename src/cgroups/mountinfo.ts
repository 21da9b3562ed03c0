/** One line of /proc/PID/mountinfo, proc_pid_mountinfo(5). */
export interface Mount {
  /** MAJ:MIN, as stat(2) gives it for files of the mount. */
  readonly device: string;
  /** Which directory of the file system is seen at the mount point: "/" unless a part of it is bound. */
  readonly root: string;
  readonly mountPoint: string;
  readonly fileSystem: string;
  readonly source: string;
  /** Options of the file system, not of the mount point. */
  readonly superOptions: readonly string[];
}

/**
 * The mounts of a mountinfo text, in its order, whose file system's name begins with `type`; lines that are none are
 * left out.
 */
export function parseMounts(text: string, type = ""): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split("\n")) {
    // Every start of a job reads this: a host may have thousands of mounts, few of them of the type.
    const mount = line.includes(` - ${type}`) ? parseMountLine(line) : undefined;
    if (mount !== undefined) mounts.push(mount);
  }
  return mounts;
}

function parseMountLine(line: string): Mount | undefined {
  const fields = line.split(" ");
  const [, , device, root, mountPoint] = fields;
  // Between the mount options and the separator stand any number of optional fields, none of them a lone "-".
  const separator = fields.indexOf("-", MOUNT_OPTIONS + 1);
  const [fileSystem, source, superOptions] = fields.slice(separator + 1);
  if (device === undefined || root === undefined || mountPoint === undefined || separator === -1)
    return undefined;
  if (fileSystem === undefined || source === undefined || superOptions === undefined) return undefined;
  return {
    device,
    root: unescapePath(root),
    mountPoint: unescapePath(mountPoint),
    fileSystem,
    source: unescapePath(source),
    superOptions: superOptions.split(","),
  };
}

/** The number of the field. */
const MOUNT_OPTIONS = 5;

/** The kernel writes blank, tab, newline and backslash as three octal digits. */
function unescapePath(text: string): string {
  // The first use of a regular expression costs 0.1 ms and more, at every start of a job.
  if (!text.includes("\\")) return text;
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** A dev_t as stat(2) gives it, in the MAJ:MIN spelling of mountinfo, /sys/dev/block and io.max. */
export function formatDevice(device: number): string {
  // Linux has 12 bits of major and 20 of minor; glibc's dev_t keeps the minor's upper 12 bits above the major.
  return `${(device >>> 8) & 0xfff}:${(device & 0xff) | ((device >>> 12) & 0xfff00)}`;
}
