import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { $ } from "bun";
import { findDebianArchive, listAptOptions } from "../vm/archive.ts";
import { runLogged } from "../vm/command.ts";
import { provideCached } from "./cache.ts";

const SUITE = "bookworm";

/** What the tests run in a job. usr-is-merged keeps Perl out, which would only merge /bin into /usr/bin. */
const PACKAGES = [
  ...["usr-is-merged", "python3", "strace", "iproute2", "keyutils", "procps", "util-linux", "curl"],
];

/** Left out: half of the files, and no test reads them. */
const UNREAD = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/zoneinfo/*"];

/**
 * The root file system of the tests' runtime: a small Debian, made once per machine (30 s, 130 MB, root's files and
 * device nodes, so a copy of it must keep owners). RNX_TEST_RUNTIME_ROOT names one that is there already: in the test
 * machine, which cannot make it. It must never be written to: every RNX_HOME has links of its files.
 */
export async function provideTestRoot(): Promise<string> {
  const given = process.env["RNX_TEST_RUNTIME_ROOT"];
  if (given) return given;
  const archive = await findDebianArchive();
  const options = [
    "--variant=minbase",
    "--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr",
    `--include=${PACKAGES.join(",")}`,
    ...UNREAD.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...(await listAptOptions()),
  ];
  const directory = await provideCached("runtime", { SUITE, archive, options }, (part) =>
    runLogged("runtime of the tests", join(part, "build.log"), [
      "mmdebstrap",
      ...options,
      SUITE,
      join(part, "root"),
      archive,
    ]),
  );
  return join(directory, "root");
}

/** The runtime.yml of the tests' runtime. */
export const TEST_RUNTIME_CONFIG = `name: t
version: 1.0.0
language: python
language_version: "3.11"
description: Debian with Python for the tests
environment:
  RUNTIME_VARIABLE: from runtime.yml
`;

/**
 * Installs the tests' runtime below an RNX_HOME, as t@1.0.0 unless another place below runtimes/ is named. Its files
 * are hard links: a quarter of a second. RNX_HOME must be on the disk of the cache.
 */
export async function installTestRuntime(
  home: string,
  { place = "t/1.0.0", config = TEST_RUNTIME_CONFIG } = {},
): Promise<string> {
  const directory = join(home, "runtimes", place);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "runtime.yml"), config);
  await $`cp -al ${await provideTestRoot()} ${join(directory, "isolated")}`;
  return directory;
}
