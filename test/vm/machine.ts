import { join } from "node:path";
import type { Accelerator } from "./accelerator.ts";
import { lastLines } from "./command.ts";
import type { Image } from "./image.ts";

export interface MachineOptions {
  readonly image: Image;
  readonly accelerator: Accelerator;
  /** Raw disks, written to: the root file system and the repository. */
  readonly disks: readonly string[];
  /** Where the console's log lies. */
  readonly directory: string;
}

const BOOT_LIMIT_MS = 300_000;

/**
 * One boot of a virtual machine, without a network. Its agent (guest/agent) hangs on a virtio-serial port
 * that is qemu's stdin and stdout: commands go in line by line, output and «record separator, exit status»
 * come back. qemu ends when the guest shuts down or reboots, when it is stopped, or when its starter dies.
 */
export class Machine implements AsyncDisposable {
  readonly #qemu: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #output: AsyncIterator<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #console: string;
  #unread = "";

  private constructor(qemu: Bun.Subprocess<"pipe", "pipe", "inherit">, console: string) {
    this.#qemu = qemu;
    this.#output = qemu.stdout[Symbol.asyncIterator]();
    this.#console = console;
  }

  /** Starts the machine and waits until systemd has started everything. */
  static async boot(options: MachineOptions): Promise<Machine> {
    const console = join(options.directory, "console.log");
    const qemu = Bun.spawn(
      ["setpriv", "--pdeathsig", "KILL", "--", "qemu-system-x86_64", ...qemuArguments(options, console)],
      { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
    );
    const machine = new Machine(qemu, console);
    let state = "";
    const status = await machine.#readStatus(BOOT_LIMIT_MS, (text) => (state += text));
    if (status !== 0) {
      await machine[Symbol.asyncDispose]();
      throw machine.#failure(`the machine did not come up (systemd: ${state.trim() || "nothing heard"})`);
    }
    return machine;
  }

  /**
   * Runs one line of bash as root, output passed on as it comes.
   * Returns its exit status, or undefined when the machine went away meanwhile (reboot, shutdown).
   */
  async run(command: string, limitMs: number, onOutput: (text: string) => void): Promise<number | undefined> {
    if (command.includes("\n")) throw new TypeError("a command for the machine is one line");
    this.#qemu.stdin.write(`${command}\n`);
    await this.#qemu.stdin.flush();
    return await this.#readStatus(limitMs, onOutput);
  }

  /** Cuts the power. What the guest has written is on its disks, flushed or not. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#qemu.kill("SIGKILL");
    await this.#qemu.exited;
  }

  async #readStatus(limitMs: number, onOutput: (text: string) => void): Promise<number | undefined> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#qemu.kill("SIGKILL");
    }, limitMs);
    try {
      for (;;) {
        const status = /\x1e(\d+)\n/.exec(this.#unread);
        const shown = status?.index ?? this.#unread.search(/\x1e|$/);
        if (shown > 0) onOutput(this.#unread.slice(0, shown));
        this.#unread = this.#unread.slice(shown + (status?.[0].length ?? 0));
        if (status !== null) return Number(status[1]);
        const { done, value } = await this.#output.next();
        if (done) break;
        this.#unread += this.#decoder.decode(value, { stream: true });
      }
    } finally {
      clearTimeout(timer);
    }
    if (isLate) throw this.#failure(`the machine was not done after ${limitMs / 1000} s`);
    if ((await this.#qemu.exited) !== 0) throw this.#failure(`qemu exited with ${this.#qemu.exitCode}`);
    if (lastLines(this.#console, 100).includes("Kernel panic")) throw this.#failure("the kernel panicked");
    return undefined;
  }

  #failure(message: string): Error {
    return new Error(`${message}; the end of its console:\n${lastLines(this.#console, 30)}`);
  }
}

function qemuArguments(options: MachineOptions, console: string): string[] {
  const { image, accelerator, disks } = options;
  return [
    ...accelerator.options,
    ...["-m", "3G", "-smp", "2", "-nodefaults", "-display", "none", "-no-reboot"],
    ...["-kernel", image.kernel, "-initrd", image.initrd],
    ...["-append", "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 panic=-1"],
    ...disks.flatMap((disk) => ["-drive", `file=${disk},if=virtio,format=raw,cache=unsafe`]),
    ...["-serial", `file:${console}`],
    ...["-chardev", "stdio,id=agent,signal=off", "-device", "virtio-serial"],
    ...["-device", "virtserialport,chardev=agent,name=rnx.agent"],
  ];
}
