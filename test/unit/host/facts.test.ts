import { expect, test } from "bun:test";
import { isAtLeast, parseKernelVersion, parsePackageManager } from "../../../src/host/facts.ts";
import { judgeKernel } from "../../../src/host/kernel-checks.ts";

test.each([
  ["6.1.0-13-amd64", 6, 1],
  ["6.18.44-fc-v669", 6, 18],
  ["5.19", 5, 19],
  ["5.4-generic", 5, 4],
  ["nonsense", 0, 0],
])("the version of kernel %s", (release, major, minor) => {
  expect(parseKernelVersion(release)).toEqual({ major, minor, release });
});

test("versions are compared as numbers", () => {
  expect(isAtLeast(parseKernelVersion("6.2"), [6, 10])).toBe(false);
  expect(isAtLeast(parseKernelVersion("6.10"), [6, 2])).toBe(true);
  expect(isAtLeast(parseKernelVersion("7.0"), [6, 10])).toBe(true);
});

test("a kernel is judged by what sandboxes need", () => {
  expect(judgeKernel(parseKernelVersion("5.10.0-1")).state).toBe("failed");
  expect(judgeKernel(parseKernelVersion("5.15.0-1")).detail).toContain("--userns=off");
  expect(judgeKernel(parseKernelVersion("6.1.0-1")).state).toBe("ok");
});

test.each([
  ["ID=debian\n", "apt-get"],
  ['NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt-get"],
  ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf"],
  ["ID='amzn'\n", "dnf"],
  ["ID=arch\nDEBIAN_ID=debian\n", undefined],
  ["", undefined],
] as const)("the package manager of %j", (text, manager) => {
  expect(parsePackageManager(text)).toBe(manager);
});
