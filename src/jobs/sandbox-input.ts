import { DEFAULT_CAPABILITIES } from "../sandbox/capabilities.ts";
import type { Identity } from "../sandbox/identity.ts";
import type { SandboxInput } from "../sandbox/plan.ts";
import { type JobPaths, MOUNT_POINTS } from "../state/paths.ts";
import { hostnameOf, makeEnvironment, makeEtcFiles } from "./job-environment.ts";
import type { ResolvedJob } from "./resolve.ts";

/** What the sandbox of a job is planned from. Pure. */
export function makeSandboxInput(
  id: string,
  resolved: ResolvedJob,
  identity: Identity,
  paths: JobPaths,
): SandboxInput {
  const { spec } = resolved;
  return {
    hostname: hostnameOf(id, resolved),
    root: resolved.root,
    directories: {
      ...MOUNT_POINTS,
      upper: paths.upper,
      overlayWork: paths.overlay,
      work: paths.work,
    },
    generatedFiles: makeEtcFiles(id, resolved),
    identity,
    network: spec.network,
    temporaryBytes: resolved.temporaryBytes,
    sharedMemoryBytes: resolved.temporaryBytes,
    resourceLimits: resolved.resourceLimits,
    capabilities: [...DEFAULT_CAPABILITIES, ...spec.extraCapabilities],
    command: { argv: spec.argv, environment: makeEnvironment(id, resolved), workdir: spec.workdir },
  };
}
