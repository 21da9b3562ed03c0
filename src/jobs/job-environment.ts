import type { GeneratedFile } from "../sandbox/rootfs.ts";
import { shortId } from "../state/ids.ts";
import type { ResolvedJob } from "./resolve.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The job's name for itself and others: its host name. */
export function hostnameOf(id: string, { spec }: ResolvedJob): string {
  return spec.name ?? shortId(id);
}

/**
 * All variables of a job: rnx's own, then the runtime's, then the caller's --env and --secret-env. Nothing else of
 * the caller's environment gets in.
 */
export function makeEnvironment(id: string, resolved: ResolvedJob): Readonly<Record<string, string>> {
  const { spec, runtimeEnvironment } = resolved;
  return {
    PATH: DEFAULT_PATH,
    HOME: "/root",
    LANG: "C.UTF-8",
    ...runtimeEnvironment,
    JOB_ID: id,
    JOB_NAME: hostnameOf(id, resolved),
    ...spec.environment,
    ...spec.secretEnvironment,
  };
}

/** Files of /etc that say who and where the job is; users and groups only where no runtime brings its own. */
export function makeEtcFiles(id: string, resolved: ResolvedJob): readonly GeneratedFile[] {
  const hostname = hostnameOf(id, resolved);
  const { resolverConfiguration } = resolved;
  return [
    { path: "/etc/hostname", text: `${hostname}\n` },
    {
      path: "/etc/hosts",
      text: `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t${hostname}\n`,
    },
    ...(resolverConfiguration === undefined
      ? []
      : [{ path: "/etc/resolv.conf", text: resolverConfiguration }]),
    ...(resolved.root.kind === "host" ? USER_FILES : []),
  ];
}

const USER_FILES: readonly GeneratedFile[] = [
  {
    path: "/etc/passwd",
    text: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
  },
  { path: "/etc/group", text: "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n" },
  { path: "/etc/nsswitch.conf", text: "passwd: files\ngroup: files\nhosts: files dns\n" },
];
