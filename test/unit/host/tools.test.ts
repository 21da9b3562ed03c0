import { expect, test } from "bun:test";
import { findTool, installCommand, TOOLS } from "../../../src/host/tools.ts";

test("the install command fits the system", () => {
  expect(installCommand(TOOLS.ip, "apt-get")).toBe("apt-get install -y iproute2");
  expect(installCommand(TOOLS.ip, "dnf")).toBe("dnf install -y iproute");
  expect(installCommand(TOOLS.mmdebstrap, undefined)).toBe(
    "install mmdebstrap or debootstrap with the package manager of this system",
  );
});

test("a tool is there when any of its programs is", () => {
  const packages = { "apt-get": "x", dnf: "x" };
  expect(findTool({ programs: ["no-such-program", "sh"], neededFor: "tests", packages })).toEndWith("/sh");
  expect(findTool({ programs: ["no-such-program"], neededFor: "tests", packages })).toBeUndefined();
});
