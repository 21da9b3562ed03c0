/** Something failed: exit code 1, one `Error:` line, at most one `hint:` line. */
export class RnxError extends Error {
  override readonly name: string = "RnxError";
  readonly exitCode: number = 1;
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.hint = options.hint;
  }
}

/** The call itself is wrong: exit code 2, one `Error:` line for each issue. */
export class UsageError extends RnxError {
  override readonly name = "UsageError";
  override readonly exitCode = 2;
  readonly issues: readonly string[];

  constructor(issues: string | readonly string[], options: { hint?: string | undefined } = {}) {
    const list = typeof issues === "string" ? [issues] : issues;
    super(list.join("\n"), options);
    this.issues = list;
  }
}

/** What a shell answers: 125 the sandbox could not be made, 126 not executable, 127 command not found. */
export type StartExitCode = 125 | 126 | 127;

/** A job could not be started. */
export class StartError extends RnxError {
  override readonly name = "StartError";
  override readonly exitCode: StartExitCode;

  constructor(
    message: string,
    options: { exitCode?: StartExitCode; hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, options);
    this.exitCode = options.exitCode ?? 125;
  }
}

/** The errno name of an error of node:fs or of a system call ("ENOENT"), undefined for any other error. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}
