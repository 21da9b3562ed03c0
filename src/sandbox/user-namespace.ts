import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { SCHED, SIGNAL } from "../linux/constants.ts";
import { pipe } from "../linux/files.ts";
import { awaitKilled, kill } from "../linux/process.ts";
import { EncodedSteps } from "./encode.ts";
import { ID_RANGE_SIZE, type Identity } from "./identity.ts";
import type { Step } from "./step.ts";

/**
 * Makes a user namespace with the identity's ids and returns it as a descriptor; no process is left in it.
 *
 * A namespace lives as long as a process or a descriptor is in it, and its ids can be mapped only from outside:
 * so a child, the holder, is cloned into it, says when it has settled it, and is killed once the descriptor is there.
 * Throws StepFailure or SystemCallError.
 */
export function makeUserNamespace(
  identity: Identity,
  holderSteps: readonly Step[],
  lifeline: number,
): number {
  const ready = pipe();
  const steps = new EncodedSteps("holder", holderSteps, { lifeline, ready: ready.writeEnd });
  const holder = steps.clone(SCHED.CLONE_NEWUSER + SCHED.CLONE_VM + SCHED.CLONE_CLEAR_SIGHAND);
  closeSync(ready.writeEnd);
  try {
    readSync(ready.readEnd, new Uint8Array(1));
    steps.requireSuccess(holder);
    const map = `0 ${identity.firstId} ${ID_RANGE_SIZE}`;
    for (const file of ["uid_map", "gid_map"]) writeExisting(`/proc/${holder.pid}/${file}`, map);
    return openSync(`/proc/${holder.pid}/ns/user`, "r");
  } finally {
    closeSync(ready.readEnd);
    kill(holder.pid, SIGNAL.SIGKILL);
    awaitKilled(holder.pid);
  }
}

function writeExisting(path: string, text: string): void {
  const fd = openSync(path, "r+");
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}
