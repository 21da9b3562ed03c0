import { describe, expect, test } from "bun:test";
import { compareVersions, isRuntimeVersion, parseReference } from "../../../src/runtimes/reference.ts";

describe("references", () => {
  test.each([
    ["python-3.11-ml", { name: "python-3.11-ml", version: undefined, language: undefined }],
    ["t@1.2.3", { name: "t", version: "1.2.3", language: undefined }],
    ["My_Runtime@1.0", { name: "My_Runtime", version: "1.0", language: undefined }],
    ["java:17", { name: "java-17", version: undefined, language: { name: "java", version: "17" } }],
    ["java:17@1.0.0", { name: "java-17", version: "1.0.0", language: { name: "java", version: "17" } }],
    [
      "python:3.11-ml",
      { name: "python-3.11-ml", version: undefined, language: { name: "python", version: "3.11-ml" } },
    ],
  ])("%s is read", (text, reference) => {
    expect(parseReference(text)).toEqual(reference);
  });

  test.each([
    ...["", "@", "t@", "@1.0.0", "t@1.0.0@2.0.0", "t@v1", "t@1.0.0.0", "t@1.0.0-", "t@ 1.0.0", "t@1.0.0\n"],
    ...["x@../../..", "../t", "t/1.0.0", "/etc", ".", "..", ".new-1", "-t", " t", "t\0", "ü", "a".repeat(65)],
    ...[":", "java:", ":17", "java:17:1", "java:../..", "java:17/..", "java@17:1"],
    ..."*?$~\\\"'".split(""),
  ])("%j is none", (text) => {
    expect(parseReference(text)).toBeUndefined();
  });
});

describe("versions", () => {
  test("are in the order of their numbers, a labelled one below the same without a label", () => {
    const inOrder = [
      "0.9.9",
      "1",
      "1.0",
      "1.0.1-a.2",
      "1.0.1-a.10",
      "1.0.1-rc",
      "1.0.1",
      "1.9.0",
      "1.10.0",
      "20",
    ];
    expect(inOrder.toReversed().sort(compareVersions)).toEqual(inOrder);
  });

  test("that are written differently are never taken for the same", () => {
    expect(compareVersions("1.0", "1.0.0")).toBe(-1);
    expect(compareVersions("1.0.0", "1.0")).toBe(1);
    expect(compareVersions("1.0.0", "1.0.0")).toBe(0);
  });

  test.each(["", "a", "1.", ".1", "1..2", "1.2.3.4", "1.0.0+b", "9999999999.0.0", "1.0.0-a..b", "1.0.0--a"])(
    "%j is none",
    (text) => {
      expect(isRuntimeVersion(text)).toBeFalse();
    },
  );
});
