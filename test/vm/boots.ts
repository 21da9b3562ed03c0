import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import { type Accelerator, findAccelerator } from "./accelerator.ts";
import { makeRepositoryDisk } from "./disk.ts";
import { provideImage, RUNTIME_ROOT } from "./image.ts";
import { Machine } from "./machine.ts";

export interface BootOptions {
  /** Debian packages the machine has besides the usual ones. */
  readonly packages?: readonly string[];
  /** How long one command may take. */
  readonly limitMs: number;
  readonly onOutput: (text: string) => void;
  /** What the driver itself does, one line at a time. */
  readonly onProgress: (line: string) => void;
}

/**
 * Boots the machine once for each command, all boots on the same disks, and runs the command there in the
 * repository's directory. Returns the exit statuses; undefined for a command that took the machine down.
 */
export async function runBoots(
  commands: readonly string[],
  options: BootOptions,
): Promise<(number | undefined)[]> {
  const directory = mkdtempSync(join(tmpdir(), "rnx-vm-"));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.once("exit", remove);
  const clock = startClock(options.onProgress);
  try {
    const image = await provideImage(options.packages ?? []);
    clock("image");
    const accelerator = await findAccelerator(image);
    const root = join(directory, "root.img");
    await $`cp --sparse=always ${image.disk} ${root}`;
    const disks = [root, await makeRepositoryDisk(directory, join(directory, "disk.log"))];
    clock("disks");
    const statuses: (number | undefined)[] = [];
    for (const command of commands) {
      await using machine = await Machine.boot({ image, accelerator, disks, directory });
      clock(`boot under ${accelerator.name}`);
      const line = `cd /rnx && export ${environment(accelerator)} && ${command}`;
      statuses.push(await machine.run(line, options.limitMs, options.onOutput));
      clock("command");
    }
    return statuses;
  } finally {
    remove();
    process.off("exit", remove);
  }
}

function environment(accelerator: Accelerator): string {
  return `CI=true RNX_TEST_IN_VM=1 RNX_TEST_SLOWNESS=${accelerator.slowness} RNX_TEST_RUNTIME_ROOT=${RUNTIME_ROOT}`;
}

/** Reports each step with the time since the one before. */
function startClock(onProgress: (line: string) => void): (step: string) => void {
  let last = performance.now();
  return (step) => {
    const now = performance.now();
    onProgress(`vm: ${step}: ${((now - last) / 1000).toFixed(1)} s`);
    last = now;
  };
}
