/** Names of jobs. Pure: whether a job exists is reference.ts's question. */

const JOB_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SHORT_ID_LENGTH = 8;

/** A new id: a random UUID. */
export function newJobId(): string {
  return crypto.randomUUID();
}

/** Whether the text is a whole id; only then may it become a part of a path. */
export function isJobId(text: string): boolean {
  return JOB_ID.test(text);
}

/** Whether the text could be the beginning of an id: 8 or more of its characters. */
export function isShortId(text: string): boolean {
  return text.length >= SHORT_ID_LENGTH && text.length <= ID_PATTERN.length && fitsIdPattern(text);
}

const ID_PATTERN = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

function fitsIdPattern(text: string): boolean {
  return [...text].every((character, i) =>
    ID_PATTERN[i] === "-" ? character === "-" : /[0-9a-f]/.test(character),
  );
}

/** The id as people see it: its first 8 characters. */
export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_LENGTH);
}

/** The accepted job names, for messages. */
export const JOB_NAME_FORM =
  "1 to 63 of a-z 0-9 . _ -, the first a letter or digit, and not 8 or more hexadecimal digits alone";

/** Whether the text may be a job's name: usable as a host name's label and never mistaken for an id. */
export function isJobName(text: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/.test(text) && !/^[0-9a-f]{8,}$/.test(text) && !isShortId(text);
}
