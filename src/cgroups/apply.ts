import { errorCode, StartError } from "../errors.ts";
import { hasSwap } from "./facts.ts";
import { findKernelFile, writeKernelFile } from "./files.ts";
import type { CgroupHost } from "./hierarchy.ts";
import type { CgroupFile, LimitFlag, Unsupported } from "./limits.ts";
import { mendAbsentFile } from "./mend.ts";

/** The largest page of the architectures: what the kernel may take off a number of bytes. */
const LARGEST_PAGE_BYTES = 65_536;

/** Whether a limit that cannot be held is a warning and not an error: --best-effort, or a default nobody asked for. */
export type IsOptional = (flag: LimitFlag) => boolean;

/** Warnings for the limits this host cannot hold. Throws StartError(125) at the first that is not optional. */
export function refuseUnsupported(
  unsupported: readonly Unsupported[],
  isOptional: IsOptional,
): readonly string[] {
  return unsupported.map(({ flag, reason, mend }) => {
    const message = `${flag} cannot be enforced: ${reason}`;
    if (isOptional(flag)) return message;
    throw new StartError(message, { hint: mend });
  });
}

/**
 * Writes a limit, reads it back and compares. Returns a warning where swap cannot be limited. Throws
 * StartError(125), which names setting, file, controller, and the value wanted and found.
 */
export function applyLimit(
  directory: string,
  limit: CgroupFile<string>,
  host: CgroupHost,
): string | undefined {
  const { setting, controller, version, file } = limit;
  const what = `${setting} cannot be enforced: ${file} (controller ${controller}, cgroup v${version})`;
  const hint = `give ${setting} another value, or --best-effort to run without it`;
  let found: string;
  try {
    const written = writeKernelFile(`${directory}/${file}`, limit.value);
    found = limit.readFrom === file ? written : (findKernelFile(`${directory}/${limit.readFrom}`) ?? "");
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    if (code !== "ENOENT")
      throw new StartError(`${what}: wanted "${limit.value}": ${code}`, { hint, cause: error });
    if (limit.mayBeAbsent)
      return hasSwap() ? `${setting} does not limit swap: boot with swapaccount=1` : undefined;
    throw new StartError(`${what} does not exist`, { hint: mendAbsentFile(controller, host) });
  }
  if (holds(limit, found)) return undefined;
  throw new StartError(`${what}: wanted "${limit.expected}", found "${found}"`, { hint });
}

/** Whether what the file reads means the limit that was wanted. */
export function holds({ expected, isRounded }: CgroupFile<string>, found: string): boolean {
  if (found === expected) return true;
  const missing = Number(expected) - Number(found);
  return isRounded && missing >= 0 && missing < LARGEST_PAGE_BYTES;
}
