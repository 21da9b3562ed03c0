import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { hasSwap } from "../cgroups/facts.ts";
import { type CgroupHost, type Controller, CONTROLLERS, readCgroupHost, TREE } from "../cgroups/hierarchy.ts";
import { MEND_NO_UNIFIED, mendMissingController, mendReadOnly } from "../cgroups/mend.ts";
import { errorCode } from "../errors.ts";
import { type Check, failed, type Finding, ok, warning } from "./check.ts";

/** Where the cgroup controllers are, whether the trees can be written, and what a limit does there. */
export function listCgroupChecks(): readonly Check[] {
  const host = readCgroupHost();
  return [
    { name: "cgroups", run: () => judgeMode(host) },
    ...CONTROLLERS.map((controller) => ({
      name: `controller ${controller}`,
      run: () => judgeController(controller, host, isWritable),
    })),
    { name: "swap accounting", run: () => checkSwap(host) },
  ];
}

const MEND_HYBRID =
  "boot with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all: then all controllers are in v2";

function judgeMode(host: CgroupHost): Finding {
  if (host.unified === undefined) return failed("no cgroup v2 hierarchy is mounted", MEND_NO_UNIFIED);
  if (!isWritable(host.unified)) return failed(`${host.unified} is read-only`, mendReadOnly(host.unified));
  if (host.mode === "unified") return ok(`unified at ${host.unified}`);
  return ok(`hybrid: v2 at ${host.unified}, controllers in v1 hierarchies beside it`);
}

/** What a controller's limits do on this host. */
export function judgeController(
  controller: Controller,
  host: CgroupHost,
  canWrite: (path: string) => boolean,
): Finding {
  const home = host.controllers[controller];
  if (home === undefined)
    return warning("nowhere: its limits are refused", mendMissingController(controller, host));
  const place = `cgroup v${home.version} at ${home.mount}`;
  if (!canWrite(home.mount)) return failed(`${place} is read-only`, mendReadOnly(home.mount));
  if (home.version === 2) return ok(place);
  if (controller === "io") return warning(`${place}: buffered writes are not limited`, MEND_HYBRID);
  if (controller === "memory")
    return ok(`${place}: rnx ends the job when the kernel has killed one process of it`);
  return ok(place);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}

function checkSwap(host: CgroupHost): Finding {
  const home = host.controllers.memory;
  if (home === undefined) return ok("no memory controller");
  if (!hasSwap()) return ok("no swap in use");
  const isCounted =
    home.version === 1
      ? existsSync(`${home.mount}/memory.memsw.limit_in_bytes`)
      : listGroups(home.mount).some((group) => existsSync(`${group}/memory.swap.max`));
  if (isCounted) return ok("swap counts as memory");
  return warning("--max-memory does not limit swap", "boot with swapaccount=1");
}

/** The v2 root has no memory files of its own: any group below it shows what the kernel offers. */
function listGroups(mount: string): readonly string[] {
  const entries = readdirSync(mount, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [`${mount}/${TREE}`, ...entries.map((entry) => `${mount}/${entry.name}`)];
}
