import { accessSync, constants } from "node:fs";
import type { Image } from "./image.ts";

/** How the machine's instructions are carried out, and how much slower than natively its tests may be. */
export interface Accelerator {
  readonly name: "kvm" | "tcg";
  readonly options: readonly string[];
  readonly slowness: number;
}

const KVM: Accelerator = { name: "kvm", options: ["-accel", "kvm", "-cpu", "host"], slowness: 4 };
const TCG: Accelerator = {
  name: "tcg",
  options: ["-accel", "tcg,thread=multi", "-cpu", "max"],
  slowness: 30,
};

/**
 * KVM where a kernel starts under it, else emulation. A /dev/kvm that opens proves nothing: nested in some
 * clouds, qemu aborts on it or the kernel hangs. The trial boots with /bin/true as init and ends in 2 s.
 */
export async function findAccelerator(image: Image): Promise<Accelerator> {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
  } catch {
    return TCG;
  }
  const trial = Bun.spawn(
    [
      "qemu-system-x86_64",
      ...KVM.options,
      ...["-m", "512", "-nodefaults", "-display", "none", "-no-reboot"],
      ...["-kernel", image.kernel, "-initrd", image.initrd, "-append", "panic=-1 rdinit=/bin/true"],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "ignore", timeout: 10_000, killSignal: "SIGKILL" },
  );
  return (await trial.exited) === 0 && trial.signalCode === null ? KVM : TCG;
}
