import type { Deletion } from "../../jobs/delete.ts";
import { print, printJson } from "../../terminal.ts";

/** Prints the ids of deleted jobs; throws the errors of the others, all of them. */
export function reportDeletion({ deleted, errors }: Deletion, json: boolean): number {
  if (json) printJson({ deleted });
  else print(deleted.map((id) => `${id}\n`).join(""));
  const [first, ...others] = errors;
  if (others.length > 0) throw new AggregateError(errors);
  if (first !== undefined) throw first;
  return 0;
}
