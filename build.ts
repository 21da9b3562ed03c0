/**
 * Makes dist/rnx, one file that needs nothing else on the machine: `bun build.ts`.
 * `bun build.ts --arm64` makes dist/rnx-arm64 too; what that needs comes from npm once, then from node_modules/.cache.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { version } from "./package.json";

const ROOT = import.meta.dir;

/**
 * clipanion's platform for Node imports node:tty, which costs 1.5 ms of every start; the one for browsers
 * differs only in that it takes the terminal for colourless, and rnx decides about colour itself.
 */
const clipanionWithoutTty: Bun.BunPlugin = {
  name: "clipanion-without-tty",
  setup(build) {
    build.onResolve({ filter: /^\.\.\/platform$/ }, ({ importer }) =>
      importer.includes("/clipanion/")
        ? { path: `${ROOT}/node_modules/clipanion/lib/platform/browser.mjs` }
        : undefined,
    );
  },
};

/** Compiles src/main.ts; `bunPath` is the Bun of another architecture that the result is to run on. */
async function compile(outfile: string, target: Bun.Build.CompileTarget, bunPath?: string): Promise<void> {
  await Bun.build({
    entrypoints: [`${ROOT}/src/main.ts`],
    format: "esm", // Bytecode with top-level await is refused in any other format.
    bytecode: true, // Parsed here, not at every start: halves the time until main.
    minify: true,
    splitting: true, // What a command does not import costs it nothing: 0.8 ms less for all of them.
    sourcemap: "linked", // Stack lines of RNX_DEBUG=1 name src/; the map is in the executable.
    plugins: [clipanionWithoutTty],
    define: {
      VERSION: JSON.stringify(version),
      "process.arch": JSON.stringify(target === "bun-linux-arm64" ? "arm64" : "x64"), // Drops the other one's tables.
      // clipanion reads these when it is imported. That costs 2 ms, and Bun then sets O_NONBLOCK on the pipes
      // that rnx shares with its caller and leaves it there: the caller's next program fails with EAGAIN.
      "process.stdin": "undefined",
      "process.stdout": "undefined",
      "process.stderr": "undefined",
      // With DEBUG_CLI=1 in the environment clipanion would print its state machine among the results.
      "process.env.DEBUG_CLI": "undefined",
    },
    compile: {
      target,
      outfile,
      ...(bunPath !== undefined && { executablePath: bunPath }),
      // Code that runs once is not worth compiling: 1 ms less until a job starts.
      jitPolicy: 30,
      // Both are on by default and would run code of the directory that rnx is started in, as root.
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
  });
  // The executable holds the maps already.
  for (const map of new Bun.Glob("*.map").scanSync(dirname(outfile))) rmSync(join(dirname(outfile), map));
}

/**
 * The path of Bun for arm64: npm's package of the version in package-lock.json, its digest checked against that.
 * Bun would fetch it itself, but from a place that a machine with nothing but an npm mirror does not reach.
 */
async function bunForArm64(): Promise<string> {
  const name = "@oven/bun-linux-aarch64";
  const lock: unknown = await Bun.file(`${ROOT}/package-lock.json`).json();
  const { version: bunVersion, integrity } = lockedPackage(lock, `node_modules/${name}`);
  const directory = `${ROOT}/node_modules/.cache/bun-arm64-${bunVersion}`;
  const bunPath = `${directory}/package/bin/bun`;
  if (existsSync(bunPath)) return bunPath;

  const unpacked = `${directory}.new`;
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked, { recursive: true });
  await run(["npm", "pack", "--silent", `${name}@${bunVersion}`], unpacked);
  const archive = `${unpacked}/oven-bun-linux-aarch64-${bunVersion}.tgz`;
  const digest = new Bun.CryptoHasher("sha512").update(await Bun.file(archive).bytes()).digest("base64");
  if (`sha512-${digest}` !== integrity) throw new Error(`${archive}: not what package-lock.json says`);
  await run(["tar", "-xzf", archive], unpacked);
  rmSync(archive);
  renameSync(unpacked, directory);
  return bunPath;
}

/** Version and digest of one package, as package-lock.json has them. */
function lockedPackage(lock: unknown, path: string): { version: string; integrity: string } {
  const { packages } = lock as {
    packages: Record<string, { version: string; integrity: string } | undefined>;
  };
  const entry = packages[path];
  if (entry === undefined) throw new Error(`package-lock.json: no ${path}`);
  return entry;
}

async function run(command: string[], cwd: string): Promise<void> {
  const code = await Bun.spawn(command, { cwd, stdout: "ignore", stderr: "inherit" }).exited;
  if (code !== 0) throw new Error(`${command.join(" ")}: exit code ${code}`);
}

const hostTarget = process.arch === "arm64" ? "bun-linux-arm64" : "bun-linux-x64";
await compile(`${ROOT}/dist/rnx`, hostTarget);
if (process.argv.includes("--arm64")) {
  await compile(`${ROOT}/dist/rnx-arm64`, "bun-linux-arm64", await bunForArm64());
}
