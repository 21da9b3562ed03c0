import { Command } from "clipanion/lib/advanced/Command";
import { Array as ListFlag } from "clipanion/lib/advanced/options/Array";
import { Boolean as BooleanFlag } from "clipanion/lib/advanced/options/Boolean";
import { String as StringFlag } from "clipanion/lib/advanced/options/String";
import { readEnvironment } from "../../caller.ts";
import { readOnlineCores } from "../../host/cores.ts";
import type { RunFlags } from "../../jobs/run-flags.ts";
import { parseJobSpec } from "../../jobs/spec.ts";
import { explainJob, runJob } from "../../jobs/start.ts";
import { readConfig } from "../../state/config.ts";
import { recordToJson } from "../../state/record-json.ts";
import { isTerminal, print, printHint, printNotice } from "../../terminal.ts";
import { tracePhase } from "../../trace.ts";
import { RnxCommand } from "../base.ts";

/** rnx job run COMMAND [ARGS...] */
export class JobRunCommand extends RnxCommand implements RunFlags {
  static override operands = { usage: "COMMAND [ARGS...]", minimum: 1, maximum: Infinity, endsFlags: true };
  static override usage = Command.Usage({
    description: "run a command in a sandbox and stay attached until it ends",
    details:
      "A COMMAND of one word with white space or shell characters runs as /bin/sh -c COMMAND. The exit code is the\n" +
      "command's own; 128+N when signal N ended it, 124 at --timeout, 125 when rnx could not start it, 126 when it\n" +
      "cannot be executed, 127 when it is not found.",
    examples: [
      ["The first job", "$0 job run echo hello"],
      ["A line for the shell", "$0 job run 'ls /usr | wc -l; id'"],
      [
        "Limits, and a file that goes along by itself",
        "$0 job run --max-memory=512 --max-cpu=50 python3 f.py",
      ],
      ["What the sandbox would be", "$0 job run --explain true"],
    ],
  });

  runtime = StringFlag("--runtime", {
    description: "the root file system: a runtime's `NAME` or NAME@VERSION",
  });
  name = StringFlag("--name", { description: "a `NAME` for people" });
  maxCpu = StringFlag("--max-cpu", { description: "CPU time in `PCT`; 100 is one core" });
  maxMemory = StringFlag("--max-memory", { description: "memory in `MB`, swap included" });
  maxIobps = StringFlag("--max-iobps", { description: "read and write `BYTES` a second on the disk" });
  cpuCores = StringFlag("--cpu-cores", { description: "only the cores in `LIST`: 0-3 or 0,2" });
  maxPids = StringFlag("--max-pids", { description: "`N` processes and threads (default 4096)" });
  bestEffort = BooleanFlag("--best-effort", { description: "warn of a limit that this host cannot hold" });
  timeout = StringFlag("--timeout", { description: "end the job after `DUR`: 90s, 30min, 2h30m" });
  stopGrace = StringFlag("--stop-grace", { description: "`DUR` between SIGTERM and SIGKILL (default 10s)" });
  network = StringFlag("--network", { description: "`NAME` of the network: none (default) or host" });
  upload = ListFlag("--upload", { description: "copy a file to /work: `SRC[:DEST]`" });
  uploadDir = ListFlag("--upload-dir", { description: "copy a directory's contents to /work: `DIR[:DEST]`" });
  noAutoUpload = BooleanFlag("--no-auto-upload", {
    description: "copy no file only because COMMAND names it",
  });
  output = ListFlag("--output", { description: "copy `PATH[:LOCAL]` out of the job when it ends" });
  env = ListFlag("--env,-e", { description: "a variable: `K=V`, or K for the caller's value" });
  envFile = ListFlag("--env-file", { description: "variables from `FILE`: K=V lines" });
  secretEnv = ListFlag("--secret-env,-s", {
    description: "as --env with `K=V`, but shown as *** everywhere",
  });
  workdir = StringFlag("--workdir", { description: "start in `PATH` in the job (default /work)" });
  interactive = BooleanFlag("-i", { description: "pass standard input on, also from a terminal" });
  rm = BooleanFlag("--rm", { description: "keep no record" });
  logMax = StringFlag("--log-max", { description: "cut the log at `SIZE` (default 256M)" });
  userns = StringFlag("--userns", { description: "`off`: no user namespace; root in the job is the host's" });
  capAdd = ListFlag("--cap-add", { description: "let the job's root have `CAP` too: NET_RAW ..." });
  explain = BooleanFlag("--explain", false, {
    description: "print the sandbox plan and limits, run nothing",
  });

  override async execute(): Promise<number> {
    tracePhase("command line");
    const config = await readConfig();
    const flags = { ...this, autoUpload: this.noAutoUpload === true ? false : undefined };
    const caller = {
      directory: process.cwd(),
      environment: await readEnvironment(),
      onlineCores: readOnlineCores(),
    };
    const spec = parseJobSpec(this.words, flags, caller, config);
    tracePhase("job spec");
    if (this.explain) {
      print(`${await explainJob(spec, config)}\n`);
      return 0;
    }
    if (spec.autoUploads.length > 0 && isTerminal(2)) {
      printNotice(`uploaded: ${spec.autoUploads.map(({ destination }) => destination).join(", ")}`);
    }
    const { record, exitCode, notices, hint } = await runJob(spec, config);
    if (this.json) printNotice(JSON.stringify(recordToJson(record)));
    else for (const notice of notices) printNotice(`rnx: ${notice}`);
    if (hint !== undefined) printHint(hint);
    return exitCode;
  }
}
