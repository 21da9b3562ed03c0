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

/** The mounts of a mountinfo text, in its order; lines that are none are left out. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split("\n").flatMap((line) => parseMountLine(line) ?? []);
}

function parseMountLine(line: string): Mount | undefined {
  // The optional fields before the separator vary in number; blanks in a path are escaped, so " - " is unique.
  const [left, right] = line.split(" - ", 2);
  const [, , device, root, mountPoint] = left?.split(" ") ?? [];
  const [fileSystem, source, superOptions] = right?.split(" ") ?? [];
  if (device === undefined || root === undefined || mountPoint === undefined) return undefined;
  if (fileSystem === undefined || source === undefined) return undefined;
  return {
    device,
    root: unescapePath(root),
    mountPoint: unescapePath(mountPoint),
    fileSystem,
    source: unescapePath(source),
    superOptions: superOptions?.split(",") ?? [],
  };
}

/** The kernel writes blank, tab, newline and backslash as three octal digits. */
function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** A dev_t as stat(2) gives it, in the MAJ:MIN spelling of mountinfo, /sys/dev/block and io.max. */
export function formatDevice(device: number): string {
  // Linux has 12 bits of major and 20 of minor; glibc's dev_t keeps the minor's upper 12 bits above the major.
  return `${(device >>> 8) & 0xfff}:${(device & 0xff) | ((device >>> 12) & 0xfff00)}`;
}
