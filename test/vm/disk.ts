import { cpSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { $ } from "bun";
import { runLogged } from "./command.ts";

const REPOSITORY = join(import.meta.dir, "../..");
const REPOSITORY_DISK_BYTES = 1024 ** 3;

/** Packages that no test needs at run time, most of them large; bun/bin holds the copy of @oven's that runs. */
const UNUSED_PACKAGES = [
  "@oven",
  "@types",
  "@typescript",
  "bun-types",
  "typescript",
  "undici-types",
  ".cache",
];

export interface DiskOptions {
  readonly disk: string;
  readonly label: string;
  /** The directory whose content the file system gets. */
  readonly content: string;
  readonly bytes: number;
  readonly log: string;
}

/** A sparse ext4 file system in a file. */
export async function makeDisk({ disk, label, content, bytes, log }: DiskOptions): Promise<void> {
  writeFileSync(disk, "");
  truncateSync(disk, bytes);
  await runLogged(`disk ${label}`, log, ["mkfs.ext4", "-q", "-L", label, "-d", content, disk]);
}

/** A disk with the working tree as it is now, what runs it (bun, its packages) and dist/rnx. */
export async function makeRepositoryDisk(directory: string, log: string): Promise<string> {
  const content = join(directory, "repository");
  const disk = join(directory, "repository.img");
  mkdirSync(content);
  for (const name of readdirSync(REPOSITORY)) {
    if (name === ".git" || name === "node_modules" || name === "dist") continue;
    cpSync(join(REPOSITORY, name), join(content, name), { recursive: true });
  }
  mkdirSync(join(content, "dist"));
  cpSync(join(REPOSITORY, "dist/rnx"), join(content, "dist/rnx"));
  mkdirSync(join(content, "node_modules"));
  for (const name of readdirSync(join(REPOSITORY, "node_modules"))) {
    if (UNUSED_PACKAGES.includes(name)) continue;
    await $`cp -a ${join(REPOSITORY, "node_modules", name)} ${join(content, "node_modules")}`;
  }
  await makeDisk({ disk, label: "rnx", content, bytes: REPOSITORY_DISK_BYTES, log });
  rmSync(content, { recursive: true });
  return disk;
}
