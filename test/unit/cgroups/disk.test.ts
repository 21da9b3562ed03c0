import { expect, test } from "bun:test";
import { findMount } from "../../../src/cgroups/disk.ts";
import { parseMounts } from "../../../src/cgroups/mountinfo.ts";

const MOUNTS = parseMounts(`27 1 254:0 / / rw - ext4 /dev/vda rw
30 27 0:40 / /opt rw - tmpfs none rw
31 27 0:41 / /opt/joblet rw - btrfs /dev/vdb rw
32 31 0:42 / /opt/joblet rw - nfs4 server:/x rw`);

test.each([
  ["/", "ext4"],
  ["/optional", "ext4"],
  ["/opt", "tmpfs"],
  ["/opt/jobletx/y", "tmpfs"],
  ["/opt/joblet/jobs", "nfs4"],
])("%s is on the nearest mount, the last one made there: %s", (path, fileSystem) => {
  expect(findMount(path, MOUNTS)?.fileSystem).toBe(fileSystem);
});
