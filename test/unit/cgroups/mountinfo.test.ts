import { expect, test } from "bun:test";
import { formatDevice, parseMounts } from "../../../src/cgroups/mountinfo.ts";

test("a line with optional fields, a bound directory and an escaped path is read whole", () => {
  const line =
    "36 35 98:0 /part /mnt/a\\040b\\134c rw,noatime shared:5 master:1 - ext4 /dev/disk\\040x rw,errors=continue";
  expect(parseMounts(line)).toEqual([
    {
      device: "98:0",
      root: "/part",
      mountPoint: "/mnt/a b\\c",
      fileSystem: "ext4",
      source: "/dev/disk x",
      superOptions: ["rw", "errors=continue"],
    },
  ]);
});

test("a line without optional fields is read too", () => {
  expect(parseMounts("22 27 0:21 / /proc rw - proc proc rw")[0]?.fileSystem).toBe("proc");
});

test("an empty source stays empty", () => {
  expect(parseMounts("22 27 0:21 / /x rw - tmpfs  rw")[0]?.source).toBe("");
});

test.each([
  "",
  "x",
  "22 27 0:21 / /proc rw",
  "22 27 0:21 / /proc rw -",
  "22 27 0:21 / /proc rw - proc",
  " - cgroup ",
])("what is no mount is left out: %j", (line) => {
  expect(parseMounts(line)).toEqual([]);
});

test("a directory named «-» is not taken for the separator", () => {
  expect(parseMounts("22 27 0:21 - - rw - proc proc rw")[0]?.mountPoint).toBe("-");
});

test("only mounts of the type are read when one is given", () => {
  const text = ["22 27 0:21 / /proc rw - proc proc rw", "23 27 0:22 / /c rw - cgroup2 none rw"].join("\n");
  expect(parseMounts(text, "cgroup").map((mount) => mount.mountPoint)).toEqual(["/c"]);
});

test.each([
  [0x20, "0:32"],
  [0xfe00, "254:0"],
  [0x0801, "8:1"],
  [(1 << 20) | (259 << 8) | 3, "259:259"],
  [0xffffffff, "4095:1048575"],
])("device number %d is %s", (device, text) => {
  expect(formatDevice(device)).toBe(text);
});
