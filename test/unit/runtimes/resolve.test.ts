import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StartError } from "../../../src/errors.ts";
import { listRuntimes, resolveRuntime } from "../../../src/runtimes/resolve.ts";
import { useTemporaryHome } from "../../support/state.ts";

const home = useTemporaryHome();

/** A runtime at a place below runtimes/, with an empty root file system; returns its directory. */
function install(place: string, config = "name: t\n"): string {
  const directory = join(home(), "runtimes", place);
  mkdirSync(join(directory, "isolated"), { recursive: true });
  writeFileSync(join(directory, "runtime.yml"), config);
  return directory;
}

/** What a job is told: message and hint, with RNX_HOME for its path. */
async function refusal(reference: string): Promise<{ message: string; hint: string | undefined }> {
  const error = await resolveRuntime(reference).catch((thrown: unknown) => thrown);
  if (!(error instanceof StartError)) throw new Error(`no StartError: ${JSON.stringify(error)}`);
  expect(error.exitCode).toBe(125);
  return {
    message: error.message.replaceAll(home(), "HOME"),
    hint: error.hint?.replaceAll(home(), "HOME"),
  };
}

describe("a runtime", () => {
  test("is found with its version's directory, root and what runtime.yml says", async () => {
    const directory = install("t/1.0.0", "name: t\nlanguage: python\nenvironment: {A: b}\n");
    expect(await resolveRuntime("t")).toMatchObject({
      name: "t",
      version: "1.0.0",
      directory,
      root: join(directory, "isolated"),
      language: "python",
      environment: { A: "b" },
    });
  });

  test("without a version is the highest one, by numbers and not by letters", async () => {
    for (const version of ["1.9.0", "1.10.0", "1.10.0-rc.1", "0.99.0"]) install(`t/${version}`);
    expect((await resolveRuntime("t")).version).toBe("1.10.0");
    expect((await resolveRuntime("t@1.9.0")).version).toBe("1.9.0");
  });

  test("may lie in NAME/ itself, beside versions of their own", async () => {
    const directory = install("t", 'name: t\nversion: "1.5"\n');
    expect(await resolveRuntime("t@1.5")).toMatchObject({ version: "1.5", directory });
    install("t/1.4.0");
    expect((await resolveRuntime("t")).directory).toBe(directory);
    install("t/1.5.1");
    expect((await resolveRuntime("t")).version).toBe("1.5.1");
    install("plain");
    expect((await resolveRuntime("plain@0.0.0")).name).toBe("plain");
  });

  test("has the name and version of its directories, whatever a copied runtime.yml says", async () => {
    install("copy/2.0.0", "name: original\nversion: 1.0.0\n");
    expect(await resolveRuntime("copy")).toMatchObject({ name: "copy", version: "2.0.0" });
  });

  test("may lie on another disk, behind a link to its directory", async () => {
    symlinkSync(install("elsewhere"), join(home(), "runtimes", "linked"));
    expect((await resolveRuntime("linked")).root).toBe(join(home(), "runtimes/linked/isolated"));
  });
});

describe("the legacy form java:17", () => {
  test("is the name java-17, else the runtime of that language and version", async () => {
    install("openjdk-17/1.0.0", 'name: openjdk-17\nlanguage: java\nlanguage_version: "17"\n');
    install("openjdk-17/1.1.0", "name: openjdk-17\nlanguage: java\nlanguage_version: 17.0.9\n");
    install("openjdk-21/1.0.0", 'name: openjdk-21\nlanguage: java\nlanguage_version: "21"\n');
    install("broken/1.0.0", "");
    expect(await resolveRuntime("java:17")).toMatchObject({ name: "openjdk-17", version: "1.1.0" });
    expect(await resolveRuntime("java:17@1.0.0")).toMatchObject({ name: "openjdk-17", version: "1.0.0" });
    install("java-17/0.1.0");
    expect(await resolveRuntime("java:17")).toMatchObject({ name: "java-17" });
  });

  test("does not take 1 for 17, nor one of another language, nor guess between two", async () => {
    install("openjdk-17/1.0.0", 'name: openjdk-17\nlanguage: java\nlanguage_version: "17"\n');
    install("unnamed/1.0.0");
    for (const reference of ["java:1", "python:17", "java:undefined", "java:17@9.0.0"]) {
      expect((await refusal(reference)).message).toBe(`runtime not found: ${reference}`);
    }
    install("spark/1.0.0", 'name: spark\nlanguage: java\nlanguage_version: "17"\n');
    expect(await refusal("java:17")).toEqual({
      message: "more than one runtime has java 17: openjdk-17, spark",
      hint: "--runtime=openjdk-17",
    });
  });
});

describe("a runtime that is not there", () => {
  test.each(["x", "T", "java:17"])("as %s is not found, and those there are are named", async (reference) => {
    install("t/1.0.0");
    install("openjdk-21/1.0.0");
    expect(await refusal(reference)).toEqual({
      message: `runtime not found: ${reference}`,
      hint: "available: openjdk-21, t",
    });
  });

  test.each(["", "x@../../..", "t@", "../t", "t/1.0.0", ".", "t@1.0.0@1.0.0"])(
    "as %j is not looked for: it has not the form of a name",
    async (reference) => {
      install("t/1.0.0");
      expect(await refusal(reference)).toEqual({
        message: `runtime not found: "${reference}"`,
        hint: "available: t",
      });
    },
  );

  test("in this version is not found, and its versions are named", async () => {
    for (const version of ["1.10.0", "1.9.0"]) install(`t/${version}`);
    expect(await refusal("t@9.9")).toEqual({
      message: "runtime not found: t@9.9",
      hint: "available: t@1.9.0, t@1.10.0",
    });
  });

  test("is told how to make one when there are none", async () => {
    const told = {
      message: "runtime not found: t",
      hint: "there are no runtimes yet; rnx runtime build makes one",
    };
    expect(await refusal("t")).toEqual(told);
    mkdirSync(join(home(), "runtimes/.new-t"), { recursive: true });
    mkdirSync(join(home(), "runtimes/lost+found"));
    writeFileSync(join(home(), "runtimes/t"), "no directory");
    expect(await refusal("t")).toEqual(told);
  });
});

describe("a broken runtime", () => {
  const breakages: Readonly<Record<string, readonly [break_: (directory: string) => void, problem: string]>> =
    {
      "without isolated/": [
        (directory) => rmSync(join(directory, "isolated"), { recursive: true }),
        "DIR/isolated is missing",
      ],
      "whose isolated is a link": [
        (directory) => {
          rmSync(join(directory, "isolated"), { recursive: true });
          symlinkSync("/", join(directory, "isolated"));
        },
        "DIR/isolated is a symbolic link",
      ],
      "whose isolated is a file": [
        (directory) => {
          rmSync(join(directory, "isolated"), { recursive: true });
          writeFileSync(join(directory, "isolated"), "");
        },
        "DIR/isolated is not a directory",
      ],
      "without runtime.yml": [
        (directory) => rmSync(join(directory, "runtime.yml")),
        "DIR/runtime.yml is missing",
      ],
      "with an empty runtime.yml": [
        (directory) => writeFileSync(join(directory, "runtime.yml"), ""),
        'DIR/runtime.yml:1:1: missing key "name"',
      ],
      "with a mistake in runtime.yml": [
        (directory) => writeFileSync(join(directory, "runtime.yml"), "name: t\nenvironment: {PORT: 80}\n"),
        "DIR/runtime.yml:2:21: environment.PORT: expected text, found 80",
      ],
    };

  test.each(Object.entries(breakages))("%s is named with its file", async (_, [break_, problem]) => {
    for (const [place, called] of [
      ["t/1.0.0", "t@1.0.0"],
      ["flat", "flat@0.0.0"],
    ] as const) {
      break_(install(place));
      const { message } = await refusal(called.split("@")[0] ?? "");
      const directory = `HOME/runtimes/${place}`;
      expect(message).toBe(`runtime ${called} is broken: ${problem.replace("DIR", directory)}`);
    }
  });

  test("is not passed over for a lower version that is whole", async () => {
    install("t/1.0.0");
    rmSync(join(install("t/2.0.0"), "isolated"), { recursive: true });
    expect((await refusal("t")).message).toStartWith("runtime t@2.0.0 is broken: ");
    expect((await resolveRuntime("t@1.0.0")).version).toBe("1.0.0");
  });

  test("may not be in a directory that others can change", async () => {
    const directory = install("t/1.0.0");
    for (const place of [directory, join(directory, ".."), join(directory, "../..")]) {
      chmodSync(place, 0o777);
      expect((await refusal("t")).message).toEndWith(" can be changed by others than root");
      chmodSync(place, 0o755);
    }
    expect((await resolveRuntime("t")).name).toBe("t");
  });
});

describe("a runtime of another architecture", () => {
  test("is refused; one that names none, or this one in any of its names, is not", async () => {
    const [own, other] =
      process.arch === "arm64" ? (["arm64", "amd64"] as const) : (["amd64", "arm64"] as const);
    const alias = own === "arm64" ? "aarch64" : "x86_64";
    install("other/1.0.0", `name: other\nrequirements: {architectures: [${other}]}\n`);
    install("both/1.0.0", `name: both\nrequirements: {architectures: [${other}, ${own}]}\n`);
    install("alias/1.0.0", `name: alias\nrequirements: {architectures: [${alias}]}\n`);
    install("any/1.0.0", "name: any\nrequirements: {architectures: []}\n");
    expect((await refusal("other")).message).toBe(`runtime other@1.0.0 is for ${other}; this host is ${own}`);
    for (const name of ["both", "alias", "any"]) expect((await resolveRuntime(name)).name).toBe(name);
  });
});

test("all runtimes are listed by name and version, broken ones too", async () => {
  for (const place of ["b/1.10.0", "b/1.9.0", "a", ".new-c/1.0.0"]) install(place);
  writeFileSync(join(install("b/0.1.0"), "runtime.yml"), "");
  const names = (await listRuntimes()).map(({ name, version }) => `${name}@${version}`);
  expect(names).toEqual(["a@0.0.0", "b@0.1.0", "b@1.9.0", "b@1.10.0"]);
});
