/**
 * Replaces what differs from run to run, so that whole output can stand in a snapshot: job ids, times, durations,
 * sizes and temporary directories.
 */
export function stable(text: string): string {
  return FILTERS.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text);
}

const FILTERS: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "<uuid>"],
  [/\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?Z?/g, "<time>"],
  [/\/tmp\/rnx-test-\w+/g, "<home>"],
  [/\b\d+(\.\d+)?(ms|s|min|h)\b/g, "<duration>"],
  [/\b\d+\.\d+\.\d+\b/g, "<version>"],
];
