import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Where a benchmark has its files, on a disk as /opt/joblet would be: /tmp is in memory on many hosts. */
export class Workspace implements Disposable {
  readonly path = mkdtempSync("/var/tmp/rnx-bench-");
  readonly home = join(this.path, "home");
  /** All that a measured program is told. */
  readonly environment = { PATH: process.env["PATH"], RNX_HOME: this.home };
  readonly #errors = join(this.path, "errors");
  readonly #errorsFd: number;

  constructor() {
    chmodSync(this.path, 0o755);
    mkdirSync(this.home);
    this.#errorsFd = openSync(this.#errors, "a");
  }

  /** The milliseconds from the start of a program to the moment its end is known. Throws unless it exits with 0. */
  time(argv: readonly string[]): number {
    const start = Bun.nanoseconds();
    const { exitCode, signalCode } = Bun.spawnSync([...argv], {
      env: this.environment,
      stdin: "ignore",
      stdout: "ignore",
      stderr: this.#errorsFd,
    });
    const ms = (Bun.nanoseconds() - start) / 1e6;
    if (exitCode === 0) return ms;
    const lastLine = readFileSync(this.#errors, "utf8").trimEnd().split("\n").at(-1);
    throw new Error(`${argv.join(" ")}: ${signalCode ?? `exit code ${exitCode}`}: ${lastLine}`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#errorsFd);
    rmSync(this.path, { recursive: true, force: true });
  }
}
