import { join } from "node:path";
import { RNX } from "../test/support/rnx.ts";
import { installTestRuntime } from "../test/support/runtime.ts";
import { makeBundle, USR_LINKS } from "./bundle.ts";
import type { Workspace } from "./workspace.ts";

/** Something whose start is measured; each runs `true` in what it makes, or does nothing itself. */
export interface Program {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
}

/** A program that is not measured, and why. */
export interface Absence {
  readonly name: string;
  readonly reason: string;
}

interface Candidate {
  readonly name: string;
  /** What makes it work on a machine where it does not. */
  readonly needs: string;
  /** Makes what the program needs, and says how it is called. */
  prepare(workspace: Workspace): Promise<Program["argv"]> | Program["argv"];
}

/** Sorts the programs into those that work on this host and those that do not; what they need is made. */
export async function findPrograms(
  workspace: Workspace,
): Promise<{ readonly present: readonly Program[]; readonly absent: readonly Absence[] }> {
  const present: Program[] = [];
  const absent: Absence[] = [];
  for (const { name, needs, prepare } of CANDIDATES) {
    try {
      const argv = await prepare(workspace);
      if (Bun.which(argv[0]) === null) throw new Error("not here");
      workspace.time(argv);
      present.push({ name, argv });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      absent.push({ name, reason: `${reason} (needs ${needs})` });
    }
  }
  return { present, absent };
}

/** The rows that ratios are made of. */
export const RNX_ROW = "rnx job run";
export const BUN_ROW = "bun hello";
export const BUBBLEWRAP_ROW = "bubblewrap";

const CANDIDATES: readonly Candidate[] = [
  { name: "true", needs: "apt-get install coreutils", prepare: () => ["true"] },
  { name: BUN_ROW, needs: "npm ci", prepare: compileHello },
  { name: BUBBLEWRAP_ROW, needs: "apt-get install bubblewrap", prepare: bubblewrap },
  { name: "crun", needs: "apt-get install crun", prepare: (workspace) => ociRuntime("crun", workspace) },
  { name: "runc", needs: "apt-get install runc", prepare: (workspace) => ociRuntime("runc", workspace) },
  { name: "podman", needs: "apt-get install podman", prepare: podman },
  {
    name: "systemd-run",
    needs: "systemd as PID 1",
    prepare: () => ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "true"],
  },
  {
    name: RNX_ROW,
    needs: "npm run build",
    prepare: () => [RNX, "job", "run", "--network=none", "true"],
  },
  {
    name: "rnx job run --runtime",
    needs: "npm run build and apt-get install mmdebstrap",
    prepare: async ({ home }) => {
      await installTestRuntime(home);
      return [RNX, "job", "run", "--runtime=t", "--network=none", "true"];
    },
  },
];

/** The least that a program made by Bun takes: compiled as dist/rnx is, it prints a word. */
async function compileHello({ path }: Workspace): Promise<Program["argv"]> {
  const outfile = join(path, "hello");
  await Bun.build({
    entrypoints: [join(import.meta.dir, "hello.ts")],
    format: "esm",
    bytecode: true,
    minify: true,
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
  });
  return [outfile];
}

function bubblewrap(): Program["argv"] {
  return [
    "bwrap",
    ...["--unshare-all", "--new-session", "--die-with-parent"],
    ...["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--ro-bind", "/usr", "/usr"],
    ...USR_LINKS.flatMap(([name, target]) => ["--symlink", target, `/${name}`]),
    "true",
  ];
}

function ociRuntime(runtime: "crun" | "runc", { path }: Workspace): Program["argv"] {
  const bundle = join(path, runtime);
  makeBundle(bundle);
  return [runtime, "run", `--bundle=${bundle}`, `rnx-bench-${process.pid}`];
}

/** Its root is the bundle's, below an overlay of its own: no image has to be there. */
function podman({ path }: Workspace): Program["argv"] {
  const bundle = join(path, "podman");
  makeBundle(bundle);
  const flags = ["--rm", "--network=none", "--volume=/usr:/usr:ro", "--rootfs", `${bundle}/rootfs:O`];
  return ["podman", "run", ...flags, "true"];
}
