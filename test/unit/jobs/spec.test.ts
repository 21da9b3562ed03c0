import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../../src/errors.ts";
import type { Caller, RunFlags } from "../../../src/jobs/run-flags.ts";
import { type JobSpec, parseJobSpec } from "../../../src/jobs/spec.ts";
import { type Config, DEFAULT_CONFIG } from "../../../src/state/config.ts";

const directory = mkdtempSync(join(tmpdir(), "rnx-spec-"));
mkdirSync(join(directory, "sub"));
writeFileSync(join(directory, "f.py"), "print(1)\n");
afterAll(() => rmSync(directory, { recursive: true }));

const caller: Caller = {
  directory,
  environment: { FOO: "7", TOKEN: "s3cr3t" },
  onlineCores: [0, 1],
};

function parse(
  flags: RunFlags = {},
  words: readonly string[] = ["true"],
  config: Partial<Config> = {},
): JobSpec {
  return parseJobSpec(words, flags, caller, { ...DEFAULT_CONFIG, ...config });
}

/** Every issue of a call that is refused; none when it is accepted. */
function issues(flags: RunFlags, config: Partial<Config> = {}): readonly string[] {
  try {
    parse(flags, ["true"], config);
    return [];
  } catch (error) {
    if (error instanceof UsageError) return error.issues;
    throw error;
  }
}

test("a command without flags has every default", () => {
  expect(parse({}, ["echo", "hello"])).toEqual({
    argv: ["echo", "hello"],
    isShellForm: false,
    command: "echo",
    args: ["hello"],
    limits: { maxPids: 4096 },
    maxPidsIsDefault: true,
    bestEffort: false,
    stopGraceMs: 10_000,
    network: "none",
    uploads: [],
    autoUploads: [],
    outputs: [],
    environment: {},
    secretEnvironment: {},
    workdir: "/work",
    interactive: false,
    keepsRecord: true,
    logMaxBytes: 256 * 2 ** 20,
    userNamespace: true,
    extraCapabilities: [],
  });
});

describe("the shell form", () => {
  test.each(["ls /usr | wc -l; id", "a b", "echo $HOME", "x>y", "f*", "a\nb"])(
    "%j runs in /bin/sh",
    (command) => {
      const { argv, isShellForm } = parse({}, [command]);
      expect({ argv, isShellForm }).toEqual({ argv: ["/bin/sh", "-c", command], isShellForm: true });
    },
  );

  test.each([[["ls"]], [["/bin/a-b.c_d"]], [["K=V"]], [["printf", "a b"]]])("%j does not", (words) => {
    expect(parse({}, words).argv).toEqual(words);
  });

  test("an empty command is a wrong call", () => {
    expect(() => parse({}, [""])).toThrow(UsageError);
  });
});

describe("C02: --max-memory", () => {
  test.each([
    "0",
    "-1",
    "NaN",
    "Infinity",
    "1e9",
    "10ZB",
    "16E",
    "18446744073709551616",
    "9007199254740993",
    "",
    " 64",
  ])("%j is refused with the accepted form", (value) => {
    expect(issues({ maxMemory: value })).toEqual([
      `--max-memory "${value}": expected a number of MB or a size such as 512M, 1.5G or 65536K`,
    ]);
  });

  test.each(["64", "64M", "64MB", "65536K"])("%j is 64 MiB", (value) => {
    expect(parse({ maxMemory: value }).limits.memoryBytes).toBe(67_108_864);
  });

  test("64.5 is 64.5 MiB", () => {
    expect(parse({ maxMemory: "64.5" }).limits.memoryBytes).toBe(67_633_152);
  });
});

describe("C03: the other limits", () => {
  test.each(["0", "-5", "NaN", "1e308", "", "10001"])("--max-cpu %j is refused", (value) => {
    expect(issues({ maxCpu: value })).toEqual([
      `--max-cpu "${value}": expected a whole number from 1 to 10000; 100 is one core`,
    ]);
  });

  test.each(["0", "1", "-1", "18446744073709551616"])("--max-iobps %j is refused", (value) => {
    expect(issues({ maxIobps: value })).toEqual([
      expect.stringMatching(/^--max-iobps "[^"]*": expected a number of bytes .*, at least 4096$/),
    ]);
  });

  test.each(["0", "-1", "4194305", "1.5"])("--max-pids %j is refused", (value) => {
    expect(issues({ maxPids: value })).toEqual([
      `--max-pids "${value}": expected a whole number from 1 to 4194304`,
    ]);
  });

  test("what was given is kept, and told from the default", () => {
    const { limits, maxPidsIsDefault } = parse({ maxCpu: "10000", maxIobps: "9999", maxPids: "4096" });
    expect(limits).toEqual({ cpuPercent: 10_000, ioBytesPerSecond: 9999, maxPids: 4096 });
    expect(maxPidsIsDefault).toBe(false);
  });
});

describe("C04: --cpu-cores", () => {
  test.each(["0-", "1-0", "0-99", "a", "-1", "0-4294967296", "0,,1", " 0", "0;1", ""])(
    "%j is refused, naming the cores there are",
    (value) => {
      const [issue, ...others] = issues({ cpuCores: value });
      expect(others).toEqual([]);
      expect(issue).toStartWith(`--cpu-cores "${value}": `);
      expect(issue).toContain("this host has 0-1");
    },
  );

  test.each(["0,0", "0-0"])("%j is core 0", (value) => {
    expect(parse({ cpuCores: value }).limits.cpuCores).toEqual([0]);
  });
});

describe("C17: the environment", () => {
  test.each(["", "=x", "A B=1", "A\nB=1", "A\0=1"])("--env %j is refused", (value) => {
    expect(issues({ env: [value] })).toEqual([expect.stringContaining("expected KEY=VALUE, or KEY")]);
  });

  test("an empty value stays empty, a key alone takes the caller's value, the last one counts", () => {
    expect(parse({ env: ["A=", "FOO", "B=1", "B=2=3"] }).environment).toEqual({ A: "", FOO: "7", B: "2=3" });
  });

  test("a key alone that the caller has not is refused", () => {
    expect(issues({ env: ["NOPE", "toString"] })).toEqual([
      `--env "NOPE": NOPE is not set in the caller's environment`,
      `--env "toString": toString is not set in the caller's environment`,
    ]);
  });

  test("--env-file: comments and blank lines do not count, --env wins over it", () => {
    writeFileSync(join(directory, "vars"), "# comment\n\nA=1\r\n  # another\nB=x y=z\nFOO\n");
    expect(parse({ envFile: ["vars"], env: ["A=2"] }).environment).toEqual({ A: "2", B: "x y=z", FOO: "7" });
  });

  test("--env-file: a mistake is named with its line", () => {
    writeFileSync(join(directory, "bad"), "A=1\nexport B=1\n");
    expect(issues({ envFile: ["bad", "missing", "/dev/zero", "sub"] })).toEqual([
      `--env-file "bad": bad:2: expected KEY=VALUE, or KEY for the caller's value, the KEY without blanks`,
      `--env-file "missing": no such file`,
      `--env-file "/dev/zero": not a regular file`,
      `--env-file "sub": not a regular file`,
    ]);
  });

  test("bytes that are not UTF-8 survive in a file", () => {
    writeFileSync(join(directory, "bytes"), Buffer.from("A=\xff\xfe", "latin1"));
    expect(parse({ envFile: ["bytes"] }).environment).toEqual({ A: "\udcff\udcfe" });
  });
});

describe("A43: secrets", () => {
  test("-s takes the caller's value and keeps it apart from the environment", () => {
    const spec = parse({ secretEnv: ["TOKEN", "X=1"], env: ["X=0", "A=1"] });
    expect(spec.secretEnvironment).toEqual({ TOKEN: "s3cr3t", X: "1" });
    expect(spec.environment).toEqual({ A: "1" });
  });

  test("a message never shows the value", () => {
    expect(issues({ secretEnv: ["A B=s3cr3t", "=s3cr3t", "s3cr3t with blanks"] }).join("\n")).not.toContain(
      "s3cr3t",
    );
    expect(issues({ secretEnv: ["A B=s3cr3t"] })[0]).toStartWith('--secret-env "A B=***": ');
  });
});

describe("C27: the other flags", () => {
  test.each<[RunFlags, string]>([
    [{ capAdd: ["NOPE"] }, '--cap-add "NOPE": expected one of CAP_AUDIT_WRITE, '],
    [{ capAdd: ["SYS_ADMIN"] }, '--cap-add "SYS_ADMIN": expected one of '],
    [{ userns: "maybe" }, '--userns "maybe": expected on or off'],
    [{ network: "nosuch" }, '--network "nosuch": network not found; there are none and host'],
    [{ workdir: "rel" }, '--workdir "rel": expected an absolute path'],
    [{ output: ["../../x"] }, '--output "../../x": expected PATH[:LOCAL]'],
    [{ output: [""] }, '--output "": expected PATH[:LOCAL]'],
    [{ output: ["x:"] }, '--output "x:": expected PATH[:LOCAL]'],
    [{ name: "deadbeef" }, '--name "deadbeef": expected 1 to 63 of '],
    [{ name: "0123abcd-4" }, '--name "0123abcd-4": expected 1 to 63 of '],
    [{ name: "Übung" }, '--name "Übung": expected 1 to 63 of '],
    [{ timeout: "0s" }, '--timeout "0s": expected a duration such as '],
    [{ timeout: "5" }, '--timeout "5": expected a duration such as '],
    [{ stopGrace: "-1s" }, '--stop-grace "-1s": expected a duration such as '],
    [{ logMax: "0" }, '--log-max "0": expected '],
  ])("%j is refused, naming flag and value", (flags, start) => {
    const found = issues(flags);
    expect(found).toHaveLength(1);
    expect(found[0]).toStartWith(start);
  });

  test("each becomes its value", () => {
    const spec = parse({
      capAdd: ["net_raw", "CAP_MKNOD"],
      userns: "off",
      network: "host",
      workdir: "/tmp/../srv",
      output: ["out/a.csv", "/etc/x:renamed", "b:sub"],
      name: "a-1",
      runtime: "",
      timeout: "1m30s",
      stopGrace: "0s",
      logMax: "16M",
      rm: true,
      interactive: true,
      bestEffort: true,
    });
    expect(spec).toMatchObject({
      extraCapabilities: ["CAP_NET_RAW", "CAP_MKNOD"],
      userNamespace: false,
      network: "host",
      workdir: "/srv",
      outputs: [
        { path: "out/a.csv", local: join(directory, "a.csv") },
        { path: "/etc/x", local: join(directory, "renamed") },
        { path: "b", local: join(directory, "sub/b") },
      ],
      name: "a-1",
      runtime: "",
      timeoutMs: 90_000,
      stopGraceMs: 0,
      logMaxBytes: 16 * 2 ** 20,
      keepsRecord: false,
      interactive: true,
      bestEffort: true,
    });
  });
});

test("every mistake of a call is told at once", () => {
  const found = issues({
    maxCpu: "x",
    maxMemory: "y",
    env: ["=", "ok=1", ""],
    network: "z",
    upload: ["missing"],
  });
  expect(found.map((issue) => issue.split(":")[0])).toEqual([
    '--max-cpu "x"',
    '--max-memory "y"',
    '--network "z"',
    '--upload "missing"',
    '--env "="',
    '--env ""',
  ]);
});

describe("rnx.yml", () => {
  const path = "/etc/rnx.yml";
  const defaults = { "max-memory": 100, env: ["A=1", "B=1"], upload: "f.py", "auto-upload": false, rm: true };

  test("applies where no flag is given", () => {
    const spec = parse({}, ["cat", "f.py"], { path, defaults });
    expect(spec).toMatchObject({
      limits: { memoryBytes: 100 * 2 ** 20 },
      autoUploads: [],
      keepsRecord: false,
    });
    expect(spec.uploads).toHaveLength(1);
  });

  test("is replaced by a flag, and added to by one that may be given more than once", () => {
    const spec = parse({ maxMemory: "64", env: ["B=2"], autoUpload: undefined }, ["true"], {
      path,
      defaults,
    });
    expect(spec.limits.memoryBytes).toBe(64 * 2 ** 20);
    expect(spec.environment).toEqual({ A: "1", B: "2" });
  });

  test("has settings of its own for two flags", () => {
    const config = { autoUpload: false, logMaxBytes: 1536 };
    expect(parse({}, ["cat", "f.py"], config)).toMatchObject({ autoUploads: [], logMaxBytes: 1536 });
    expect(parse({ logMax: "1" }, ["true"], config).logMaxBytes).toBe(2 ** 20);
  });

  test("is refused with its path and every mistake", () => {
    expect(issues({}, { path, defaults: { "max-memmory": 5, "max-cpu": true, rm: "yes" } })).toEqual([
      '/etc/rnx.yml: defaults: unknown flag "max-memmory"; did you mean max-memory?',
      "/etc/rnx.yml: defaults: max-cpu: expected text",
      "/etc/rnx.yml: defaults: rm: expected true or false",
    ]);
    expect(issues({}, { path, defaults: { "max-memory": "lots" } })).toEqual([
      expect.stringContaining('/etc/rnx.yml: defaults: --max-memory "lots": expected a number of MB'),
    ]);
  });
});

test("a file that the command names is uploaded at its own path", () => {
  expect(parse({}, ["python3", "./f.py"]).autoUploads).toEqual([
    { source: join(directory, "f.py"), destination: "f.py", kind: "file" },
  ]);
});
