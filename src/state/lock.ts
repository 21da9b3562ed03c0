import { closeSync, constants, openSync } from "node:fs";
import { FLOCK } from "../linux/constants.ts";
import { flock } from "../linux/files.ts";

export type LockKind = "exclusive" | "shared";

/** For how long a lock may be held by somebody who only looks whether it is free. */
export const GLANCE_MS = 100;

/** A flock(2) lock: it lasts until it is released or its process ends, however that happens. */
export class Lock implements Disposable {
  #fd: number | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The locked descriptor, close-on-exec. TypeError after the release. */
  get fd(): number {
    if (this.#fd === undefined) throw new TypeError("the lock is released");
    return this.#fd;
  }

  get isHeld(): boolean {
    return this.#fd !== undefined;
  }

  /** Closes the descriptor; a second call does nothing. */
  release(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** Opens the path and locks it; undefined when somebody holds it already. Failures to open as node:fs throws them. */
export function tryLock(path: string, kind: LockKind, flags: number = constants.O_RDONLY): Lock | undefined {
  const fd = openSync(path, flags | constants.O_NOFOLLOW, 0o600);
  try {
    const operation = kind === "exclusive" ? FLOCK.LOCK_EX : FLOCK.LOCK_SH;
    if (flock(fd, operation | FLOCK.LOCK_NB)) return new Lock(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

/** As tryLock, but asks again for up to `timeoutMs`; blocks the thread meanwhile. */
export function lockWithin(path: string, kind: LockKind, timeoutMs: number): Lock | undefined {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const lock = tryLock(path, kind);
    if (lock !== undefined || performance.now() >= deadline) return lock;
    Bun.sleepSync(RETRY_MS);
  }
}

const RETRY_MS = 2;
