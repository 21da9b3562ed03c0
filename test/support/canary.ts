import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";

/**
 * What belongs to the host and no job may reach: a secret in a file of root's, a process, and listeners on an
 * abstract socket and on every address of the host.
 */
export class Canary implements Disposable {
  readonly text = `canary-${crypto.randomUUID()}`;
  readonly file = `/root/${this.text}`;
  readonly pid = spawnCanaryProcess();
  /** Of the TCP listeners on 0.0.0.0 and on [::]. */
  readonly ports: readonly number[];
  readonly #listeners: readonly Disposable[];
  #connections = 0;

  constructor() {
    writeFileSync(this.file, this.text, { mode: 0o600 });
    const socket = { open: () => void this.#connections++, data: () => {} };
    const tcp = ["0.0.0.0", "::"].map((hostname) => Bun.listen({ hostname, port: 0, socket }));
    this.ports = tcp.map(({ port }) => port);
    this.#listeners = [...tcp, Bun.listen({ unix: `\0${this.text}`, socket })];
  }

  /** What has been done to it, one line each. */
  findHarm(): string[] {
    const harm = [
      !isIntact(this.file, this.text) && `the canary file ${this.file} has been changed`,
      !isRunning(this.pid) && `the canary process ${this.pid} has been killed`,
      this.#connections > 0 && `the canary's listeners were reached ${this.#connections} times`,
    ];
    return harm.filter((line) => line !== false);
  }

  [Symbol.dispose](): void {
    this.#listeners.forEach((listener) => listener[Symbol.dispose]());
    rmSync(this.file, { force: true });
    if (isRunning(this.pid)) process.kill(this.pid, "SIGKILL");
  }
}

/** Ends with this process, but is no child of it: bun ends those when a test takes too long. Returns its pid. */
function spawnCanaryProcess(): number {
  const script = `tail --pid=${process.pid} -f /dev/null </dev/null >/dev/null 2>&1 & echo $!`;
  return Number(Bun.spawnSync(["setsid", "sh", "-c", script]).stdout.toString());
}

/** False for a process that nobody has waited for yet, too: it has no command line any more. */
function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/cmdline`;
  return existsSync(path) && readFileSync(path).length > 0;
}

function isIntact(path: string, text: string): boolean {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  return mode !== undefined && (mode & 0o777) === 0o600 && readFileSync(path, "utf8") === text;
}
