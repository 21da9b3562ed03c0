import * as v from "valibot";
import { UsageError } from "./errors.ts";

/** What is wrong with a value that was given; never holds a secret. */
export class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/**
 * A flag whose text becomes a value or is refused. The issue is a whole sentence: flag, text in quotes, reason;
 * `show` is how the text appears in it.
 */
export function read<T>(flag: string, parse: (text: string) => T | Refusal, show = (text: string) => text) {
  return v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (!(value instanceof Refusal)) return value;
      addIssue({ message: `${flag} "${show(dataset.value)}": ${value.reason}` });
      return NEVER;
    }),
  );
}

/** A flag whose text becomes a value; `form` is what it takes, for the message when it does not. */
export function accept<T>(flag: string, parse: (text: string) => T | undefined, form: string) {
  return read(flag, (text): T | Refusal => {
    const value = parse(text);
    return value === undefined ? new Refusal(`expected ${form}`) : value;
  });
}

/** A flag that may be given more than once. */
export function list<const TItem extends v.GenericSchema<string, unknown>>(item: TItem) {
  return v.optional(v.array(item), []);
}

/** The values of flags. Throws UsageError with every issue at once, each behind `where` they stand. */
export function parseFlags<const TSchema extends v.GenericSchema>(
  schema: TSchema,
  flags: object,
  where = "",
): v.InferOutput<TSchema> {
  const result = v.safeParse(schema, flags);
  if (!result.success) throw new UsageError(result.issues.map(({ message }) => where + message));
  return result.output;
}
