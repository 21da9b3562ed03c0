/**
 * Mounts below the job's root, made so that nothing in that root can lead them elsewhere.
 *
 * A runtime's tree is written by somebody else: its /proc or /dev may be a symbolic link to anywhere
 * (CVE-2019-19921, CVE-2026-41579). Every mount point is therefore opened below the root's descriptor with
 * openat2(2) RESOLVE_IN_ROOT and RESOLVE_NO_SYMLINKS, made the working directory, and mounted on as ".".
 */
import { type Argument, type ConstantName, flags, mode, slot, type Step, step } from "./step.ts";

/** Makes the directories of `target`, relative to the root, where they are missing. */
export function createDirectories(target: string): Step[] {
  const parts = target.split("/");
  return parts.map((_, i) => {
    const path = parts.slice(0, i + 1).join("/");
    return step(`create /${path}`, "mkdirat", [slot("root"), path, mode(0o755)], ["EEXIST", "EROFS"]);
  });
}

/** Makes the directories of `target` (relative to the root), and the last one the working directory. */
export function enterMountPoint(target: string): Step[] {
  return [
    ...createDirectories(target),
    step(`open /${target}`, "openat2", [
      slot("root"),
      target,
      {
        struct: "open_how",
        words: [
          flags("O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"),
          0,
          flags("RESOLVE_IN_ROOT", "RESOLVE_NO_SYMLINKS"),
        ],
      },
      24,
    ]),
    step(`enter /${target}`, "fchdir", [slot("opened")]),
    step("close", "close", [slot("opened")]),
  ];
}

/** Mounts a new file system on `target`, relative to the root. */
export function mountAt(
  target: string,
  type: string,
  mountFlags: readonly ConstantName[],
  data: string | 0 = 0,
): Step[] {
  return [
    ...enterMountPoint(target),
    step(`mount ${type} on /${target}`, "mount", [type, ".", type, flags(...mountFlags), data]),
  ];
}

/** Opens a private copy of the mount at `source` as descriptor 3, and sets its attributes. */
export function openTree(
  source: string,
  options: {
    readonly attributes: readonly ConstantName[];
    readonly recursive: boolean;
    readonly idmap?: boolean;
  },
): Step[] {
  const recursive: readonly ConstantName[] = options.recursive ? ["AT_RECURSIVE"] : [];
  const set: readonly ConstantName[] = options.idmap
    ? [...options.attributes, "MOUNT_ATTR_IDMAP"]
    : options.attributes;
  const mountAttr: Argument = {
    struct: "mount_attr",
    words: [flags(...set), 0, 0, options.idmap ? slot("userNamespace") : 0],
  };
  return [
    step(`open tree ${source}`, "open_tree", [
      flags("AT_FDCWD"),
      source,
      flags("OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", ...recursive),
    ]),
    step(`set attributes of ${source}`, "mount_setattr", [
      slot("opened"),
      "",
      flags("AT_EMPTY_PATH", ...recursive),
      mountAttr,
      MOUNT_ATTR_BYTES,
    ]),
  ];
}

/** sizeof(struct mount_attr), MOUNT_ATTR_SIZE_VER0 */
const MOUNT_ATTR_BYTES = 32;

/** Attaches the tree that openTree left as descriptor 3 to a path on the host's side of the sandbox. */
export function attachTree(source: string, path: string): Step[] {
  return [
    step(`attach ${source}`, "move_mount", [
      slot("opened"),
      "",
      flags("AT_FDCWD"),
      path,
      flags("MOVE_MOUNT_F_EMPTY_PATH"),
    ]),
    step("close", "close", [slot("opened")]),
  ];
}

/** Binds the host's directory `source` on `target`, relative to the root. */
export function bindAt(
  target: string,
  source: string,
  options: { readonly attributes: readonly ConstantName[]; readonly recursive: boolean },
): Step[] {
  return [...enterMountPoint(target), ...openTree(source, options), ...attachTree(source, ".")];
}

/** Makes what is mounted at an absolute path inside the sandbox read-only. */
export function makeReadOnly(path: string, attributes: readonly ConstantName[] = []): Step {
  return step(`make ${path} read-only`, "mount_setattr", [
    flags("AT_FDCWD"),
    path,
    0,
    { struct: "mount_attr", words: [flags("MOUNT_ATTR_RDONLY", ...attributes), 0, 0, 0] },
    MOUNT_ATTR_BYTES,
  ]);
}
