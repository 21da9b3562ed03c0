/** What a check has found. */
export interface Finding {
  /** failed: no job can run. warning: something is missing that only some jobs or commands need. */
  readonly state: "ok" | "warning" | "failed";
  readonly detail: string;
  /** What to do about it: a command where there is one. */
  readonly mend?: string;
}

export interface Check {
  readonly name: string;
  run(): Finding;
}

/** Nothing to do. */
export function ok(detail: string): Finding {
  return { state: "ok", detail };
}

/** Some jobs or commands cannot do everything. */
export function warning(detail: string, mend: string): Finding {
  return { state: "warning", detail, mend };
}

/** No job can run. */
export function failed(detail: string, mend: string): Finding {
  return { state: "failed", detail, mend };
}
