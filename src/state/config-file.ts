import * as v from "valibot";
import { DURATION_FORM, parseDuration, parseSize, SIZE_FORM } from "../units.ts";
import { anyMapping, mapping } from "../yaml-schema.ts";
import { readYamlFile } from "../yaml.ts";
import { type Config, DEFAULT_CONFIG } from "./config.ts";
import { IDS_PER_RANGE } from "./leases.ts";

/** rnx.yml: its keys, and what they take. */

const MAX_BYTES = 64 * 1024;
/** User ids are below 2^31: some programs take them for signed numbers. */
const ID_LIMIT = 2 ** 31;

/** A text or number that `parse` makes a value of; `form` is what it takes. */
function parsed<T>(parse: (text: string) => T | undefined, form: string) {
  return v.pipe(
    v.union([v.string(), v.number()], `expected ${form}`),
    v.rawTransform<string | number, T>(({ dataset, addIssue, NEVER }) => {
      const value = parse(String(dataset.value));
      if (value !== undefined) return value;
      addIssue({ message: `expected ${form}` });
      return NEVER;
    }),
  );
}

function percent(minimum: number, maximum: number) {
  const isInRange = (value: unknown) => typeof value === "number" && value >= minimum && value <= maximum;
  return v.custom<number>(isInRange, `expected a number from ${minimum} to ${maximum}`);
}

function wholeNumber(minimum: number, maximum: number) {
  const isInRange = (value: unknown) =>
    Number.isSafeInteger(value) && Number(value) >= minimum && Number(value) <= maximum;
  return v.custom<number>(isInRange, `expected a whole number from ${minimum} to ${maximum}`);
}

const size = parsed((text) => parseSize(text, "MB"), SIZE_FORM.MB);
const { minFree, ceiling, ids } = DEFAULT_CONFIG;

const idsSchema = v.pipe(
  mapping({
    first: v.optional(
      v.pipe(
        wholeNumber(IDS_PER_RANGE, ID_LIMIT - IDS_PER_RANGE),
        v.check((first) => first % IDS_PER_RANGE === 0, `expected a multiple of ${IDS_PER_RANGE}`),
      ),
      ids.first,
    ),
    count: v.optional(wholeNumber(1, ID_LIMIT / IDS_PER_RANGE), ids.count),
  }),
  v.check(
    ({ first, count }) => first + count * IDS_PER_RANGE <= ID_LIMIT,
    `ends beyond ${ID_LIMIT}: first + count * ${IDS_PER_RANGE}`,
  ),
);

const configSchema = mapping({
  auto_upload: v.optional(v.boolean(), DEFAULT_CONFIG.autoUpload),
  min_free: v.optional(
    mapping({
      percent: v.optional(percent(0, 99), minFree.percent),
      max: v.optional(size, `${minFree.maxBytes / 2 ** 20}M`),
    }),
    {},
  ),
  ceiling: v.optional(
    mapping({
      memory_percent: v.optional(percent(1, 100), ceiling.memoryPercent),
      processes_percent: v.optional(percent(1, 100), ceiling.processesPercent),
    }),
    {},
  ),
  ids: v.optional(idsSchema, {}),
  defaults: v.optional(
    v.pipe(
      anyMapping,
      v.record(
        v.string(),
        v.union(
          [v.string(), v.number(), v.boolean(), v.array(v.string())],
          "expected text, a number, true or false, or a list of texts",
        ),
      ),
    ),
    {},
  ),
  log_max: v.optional(size, `${DEFAULT_CONFIG.logMaxBytes / 2 ** 20}M`),
  prune_older: v.optional(parsed(parseDuration, DURATION_FORM)),
  network: v.optional(anyMapping, {}),
  schedule: v.optional(anyMapping, {}),
  sources: v.optional(anyMapping, {}),
});

/** The configuration in the file. Throws UsageError with every mistake. */
export async function readConfigFile(path: string): Promise<Config> {
  const file = await readYamlFile(path, configSchema, { maxBytes: MAX_BYTES });
  return {
    path,
    autoUpload: file.auto_upload,
    minFree: { percent: file.min_free.percent, maxBytes: file.min_free.max },
    ceiling: {
      memoryPercent: file.ceiling.memory_percent,
      processesPercent: file.ceiling.processes_percent,
    },
    ids: file.ids,
    defaults: file.defaults,
    logMaxBytes: file.log_max,
    pruneOlderMs: file.prune_older,
    network: file.network,
    schedule: file.schedule,
    sources: file.sources,
  };
}
