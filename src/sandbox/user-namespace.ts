import { closeSync, openSync, readSync, writeSync } from "node:fs";
import type { Clone } from "../linux/clone.ts";
import { SCHED, SIGNAL } from "../linux/constants.ts";
import { pipe } from "../linux/files.ts";
import { awaitKilled, forbidTracing, kill } from "../linux/process.ts";
import { EncodedSteps } from "./encode.ts";
import { ID_RANGE_SIZE, type Identity, planUserNamespaceHolder } from "./identity.ts";

/**
 * A user namespace with the ids of a job, in the making.
 *
 * A namespace lives as long as a process or a descriptor is in it, and its ids can be mapped only from outside: so a
 * child, the holder, is cloned into it, settles it and says so, and is killed once a descriptor is there. The holder
 * works while this process does something else. It waits on a lifeline, a pipe whose writing end only this process
 * has, and so ends with it.
 */
export class UserNamespace implements Disposable {
  readonly #identity: Identity;
  readonly #steps: EncodedSteps;
  readonly #holder: Clone;
  readonly #ready: number;
  readonly #lifeline: number;
  #isHeld = true;
  #fd: number | undefined;

  /** Begins to make it. Throws SystemCallError. */
  constructor(identity: Identity) {
    forbidTracing();
    const ready = pipe();
    const lifeline = pipe();
    this.#identity = identity;
    this.#ready = ready.readEnd;
    this.#lifeline = lifeline.writeEnd;
    try {
      this.#steps = new EncodedSteps("holder", planUserNamespaceHolder(), {
        lifeline: lifeline.readEnd,
        ready: ready.writeEnd,
      });
      this.#holder = this.#steps.clone(SCHED.CLONE_NEWUSER + SCHED.CLONE_VM + SCHED.CLONE_CLEAR_SIGHAND);
    } catch (error) {
      closeSync(ready.readEnd);
      closeSync(lifeline.writeEnd);
      throw error;
    } finally {
      closeSync(ready.writeEnd);
      closeSync(lifeline.readEnd);
    }
  }

  /**
   * Waits until it is settled, maps the ids, and returns a descriptor, valid until this is disposed of; no process is
   * left in it. Throws StepFailure, or an error of node:fs when the ids cannot be mapped.
   */
  open(): number {
    if (this.#fd !== undefined) return this.#fd;
    readSync(this.#ready, new Uint8Array(1));
    this.#steps.requireSuccess(this.#holder);
    const map = `0 ${this.#identity.firstId} ${ID_RANGE_SIZE}`;
    for (const file of ["uid_map", "gid_map"]) writeExisting(`/proc/${this.#holder.pid}/${file}`, map);
    this.#fd = openSync(`/proc/${this.#holder.pid}/ns/user`, "r");
    this.#endHolder();
    return this.#fd;
  }

  #endHolder(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    closeSync(this.#ready);
    closeSync(this.#lifeline);
    kill(this.#holder.pid, SIGNAL.SIGKILL);
    awaitKilled(this.#holder.pid);
  }

  [Symbol.dispose](): void {
    this.#endHolder();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
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
