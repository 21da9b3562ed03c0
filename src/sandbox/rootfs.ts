/**
 * The job's root file system, up to and including the moment it becomes "/".
 *
 * With a runtime: an overlay whose lower layer is the runtime's tree (idmapped, so that its root-owned files belong
 * to the job's root) and whose upper layer is the job's own directory. Without one: a small tmpfs with the host's
 * /usr and some of /etc bound read-only. Those are not idmapped: the host's files keep the host's owners, so what
 * only the host's root may read stays unreadable.
 */
import type { Identity } from "./identity.ts";
import { attachTree, bindAt, mountAt, openTree } from "./mounts.ts";
import { type Argument, flags, mode, slot, type Step, step } from "./step.ts";

/** One entry of a host directory that a job without a runtime gets to see. */
export type HostEntry =
  | { readonly kind: "directory" | "file"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

/** The host's /usr and its like; paths are absolute. */
export interface HostRoot {
  readonly kind: "host";
  readonly entries: readonly HostEntry[];
}

/** A runtime's tree; `tree` is its absolute path on the host. */
export interface RuntimeRoot {
  readonly kind: "runtime";
  readonly tree: string;
}

/** Directories of the host that a launch uses; each belongs to this job alone. */
export interface SandboxDirectories {
  /** Where the root is put together. */
  readonly root: string;
  /** Where the idmapped lower layer is attached. */
  readonly lower: string;
  readonly upper: string;
  readonly overlayWork: string;
  /** Becomes /work. */
  readonly work: string;
}

/** A file that rnx writes into the job's /etc. */
export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

/** Bytes that a job without a runtime may write outside /work, /tmp and its other mounts: /root, /run, /var. */
const HOST_ROOT_BYTES = 64 * 1024 * 1024;
const HOST_ROOT_INODES = 16_384;

/** Directories of a root without a runtime that are the job's own. */
const OWN_DIRECTORIES: readonly (readonly [path: string, bits: number])[] = [
  ["etc", 0o755],
  ["home", 0o755],
  ["opt", 0o755],
  ["root", 0o700],
  ["run", 0o755],
  ["var", 0o755],
  ["var/tmp", 0o1777],
];

/** Builds the root at `directories.root` and opens it as the root slot. */
export function planRoot(
  root: HostRoot | RuntimeRoot,
  directories: SandboxDirectories,
  identity: Identity,
  generated: readonly GeneratedFile[],
): Step[] {
  const openRoot = [
    step("open the root", "openat", [
      flags("AT_FDCWD"),
      directories.root,
      flags("O_PATH", "O_DIRECTORY", "O_CLOEXEC"),
      0,
    ]),
    step("keep the root", "dup3", [slot("opened"), slot("root"), flags("O_CLOEXEC")]),
    step("close", "close", [slot("opened")]),
  ];
  return root.kind === "runtime"
    ? [...planOverlay(root.tree, directories, identity), ...openRoot]
    : [
        ...planTmpfsRoot(directories.root, identity),
        ...openRoot,
        ...planHostEntries(root, identity, generated),
      ];
}

function planOverlay(tree: string, directories: SandboxDirectories, identity: Identity): Step[] {
  const { lower, upper, overlayWork, root } = directories;
  const options = `lowerdir=${escapeOption(lower)},upperdir=${escapeOption(upper)},workdir=${escapeOption(overlayWork)},volatile`;
  return [
    ...openTree(tree, {
      attributes: ["MOUNT_ATTR_RDONLY"],
      recursive: false,
      idmap: identity.hasUserNamespace,
    }),
    ...attachTree(tree, lower),
    // volatile: no sync of an upper layer that is thrown away (Linux 5.10).
    step("mount overlay on /", "mount", [
      "overlay",
      root,
      "overlay",
      flags("MS_NOSUID", "MS_NODEV"),
      options,
    ]),
  ];
}

/** overlayfs splits its options at commas and its layers at colons. */
function escapeOption(path: string): string {
  return path.replace(/[\\,:]/g, "\\$&");
}

function planTmpfsRoot(path: string, { firstId }: Identity): Step[] {
  const data = `mode=755,uid=${firstId},gid=${firstId},size=${HOST_ROOT_BYTES},nr_inodes=${HOST_ROOT_INODES}`;
  return [step("mount tmpfs on /", "mount", ["tmpfs", path, "tmpfs", flags("MS_NOSUID", "MS_NODEV"), data])];
}

/** The tmpfs is empty and nobody else's: plain paths from its own directory are safe in it. */
function planHostEntries(root: HostRoot, identity: Identity, generated: readonly GeneratedFile[]): Step[] {
  const owner: readonly Argument[] = [identity.firstId, identity.firstId];
  return [
    step("enter the root", "fchdir", [slot("root")]),
    ...OWN_DIRECTORIES.flatMap(([path, bits]) => [
      step(`create /${path}`, "mkdirat", [flags("AT_FDCWD"), path, mode(bits)]),
      step(`give /${path}`, "fchownat", [flags("AT_FDCWD"), path, ...owner, 0]),
    ]),
    ...generated.flatMap(({ path, text }) => createFile(path, text)),
    ...root.entries.flatMap(planHostEntry),
  ];
}

function createFile(path: string, text: string): Step[] {
  const create = flags("O_WRONLY", "O_CREAT", "O_EXCL", "O_CLOEXEC");
  return [
    step(`create ${path}`, "openat", [flags("AT_FDCWD"), path.slice(1), create, mode(0o644)]),
    ...(text === "" ? [] : [step(`write ${path}`, "write", [slot("opened"), text, Buffer.byteLength(text)])]),
    step("close", "close", [slot("opened")]),
  ];
}

function planHostEntry(entry: HostEntry): Step[] {
  const relative = entry.path.slice(1);
  if (entry.kind === "link") {
    return [step(`link ${entry.path}`, "symlinkat", [entry.target, flags("AT_FDCWD"), relative])];
  }
  const isDirectory = entry.kind === "directory";
  const attributes = ["MOUNT_ATTR_RDONLY", "MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV"] as const;
  return [
    ...(isDirectory
      ? [step(`create ${entry.path}`, "mkdirat", [flags("AT_FDCWD"), relative, mode(0o755)])]
      : createFile(entry.path, "")),
    ...openTree(entry.path, { attributes, recursive: isDirectory }),
    ...attachTree(entry.path, relative),
  ];
}

/** The mounts of a job beside its root, /proc, /dev and /sys: /work and /tmp. */
export function planWorkAndTmp(directories: SandboxDirectories, temporaryBytes: number): Step[] {
  return [
    ...bindAt("work", directories.work, {
      attributes: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV"],
      recursive: false,
    }),
    ...mountAt("tmp", "tmpfs", ["MS_NOSUID", "MS_NODEV"], temporaryOptions(temporaryBytes)),
  ];
}

/** A page of memory for each inode at least: as many inodes as pages bound what empty files cost. */
const BYTES_PER_INODE = 4096;

/** Options of a tmpfs that everybody may write to, with a size in bytes and as many inodes as fit. */
export function temporaryOptions(bytes: number): string {
  return `mode=1777,size=${bytes},nr_inodes=${Math.floor(bytes / BYTES_PER_INODE)}`;
}

/** Makes the root "/", and leaves the host's behind; pivot_root(2), "pivot_root(".", ".")". */
export function planPivot(): Step[] {
  return [
    step("enter the root", "fchdir", [slot("root")]),
    step("pivot to the root", "pivot_root", [".", "."]),
    step("detach the host's root", "umount2", [".", flags("MNT_DETACH")]),
    step("enter /", "chdir", ["/"]),
  ];
}
