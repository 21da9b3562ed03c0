import { ID_RANGE_SIZE } from "./identity.ts";
import type { SandboxPlan } from "./plan.ts";
import type { Argument, Step } from "./step.ts";

const LAST_ID = ID_RANGE_SIZE - 1;

/** The plan as text: every call with names instead of numbers, one a line. Environment values are not shown. */
export function explainPlan(plan: SandboxPlan): string {
  const { identity } = plan;
  const ids = identity.hasUserNamespace
    ? `user namespace: ids 0-${LAST_ID} of the job are ${identity.firstId}-${identity.firstId + LAST_ID} of the host`
    : "user namespace: none, root in the job is root of the host";
  const sections: readonly (readonly [title: string, steps: readonly Step[]])[] = [
    ["user namespace holder", plan.holder],
    ["PID 1 of a new pid namespace", plan.init],
    ["job", plan.job],
  ];
  return [
    ids,
    ...sections
      .filter(([, steps]) => steps.length > 0)
      .flatMap(([title, steps]) => [`${title}:`, ...steps.map((step) => `  ${explainStep(step)}`)]),
  ].join("\n");
}

function explainStep({ label, call, args, tolerates }: Step): string {
  const shown = call === "execve" ? args.slice(0, 2) : args;
  const mayFail = tolerates.length > 0 ? ` (may fail: ${tolerates.join(" ")})` : "";
  return `${label}: ${call}(${shown.map(explainArgument).join(", ")})${mayFail}`;
}

/** Numbers from here up are masks or limits, and read better in hexadecimal. */
const HEXADECIMAL_FROM = 0x1000_0000;

function explainArgument(argument: Argument): string {
  if (typeof argument === "string") return JSON.stringify(argument);
  if (typeof argument === "number")
    return argument < HEXADECIMAL_FROM ? `${argument}` : `0x${argument.toString(16)}`;
  if ("flags" in argument) return argument.flags.join("|") || "0";
  if ("mode" in argument) return `0${argument.mode.toString(8)}`;
  if ("slot" in argument) return `<${argument.slot}>`;
  if ("inherited" in argument) return `<${argument.inherited} of the parent>`;
  if ("vector" in argument) return JSON.stringify(argument.vector);
  if ("words" in argument) return `${argument.struct} {${argument.words.map(explainArgument).join(", ")}}`;
  return argument.struct;
}
