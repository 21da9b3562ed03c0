import { describe, expect, test } from "bun:test";
import { encodeRecord, parseRecord, recordToJson } from "../../../src/state/record-json.ts";
import { isFinal, isNewerRecord, JOB_STATUSES, type JobRecord } from "../../../src/state/record.ts";
import { makeRecord } from "../../support/state.ts";

function parsed(text: string): JobRecord {
  const result = parseRecord(text);
  if ("problem" in result) throw new Error(result.problem);
  return result.record;
}

const full = makeRecord({
  name: "train",
  status: "FAILED",
  reason: "signal",
  message: "ended by SIGKILL",
  exitCode: 137,
  signal: "SIGKILL",
  runtime: "python-3.11@1.0.0",
  startTime: "2026-11-24T12:00:00.010Z",
  endTime: "2026-11-24T12:00:01.000Z",
  maxCpu: 50,
  maxMemory: 67_108_864,
  maxIobps: 1_048_576,
  cpuCores: "0-1",
  timeout: 2000,
  environment: { A: "1", constructor: "2", toString: "3" },
  secretEnvironment: { TOKEN: "***" },
  uploads: ["/root/f.py"],
  supervisor: { pid: 12, startTicks: 3456, bootId: "b" },
  metrics: { cpuUsec: 1, memoryPeak: 2, ioReadBytes: null, ioWriteBytes: null, pidsPeak: 3 },
  warnings: ["w"],
  logCutBytes: 5,
});

describe("job.json", () => {
  test("what is written is read back the same", () => {
    expect(parsed(encodeRecord(full))).toEqual(full);
    expect(parsed(encodeRecord(makeRecord({ uuid: full.uuid })))).toEqual(makeRecord({ uuid: full.uuid }));
  });

  test("has the promised keys, absent values as null", () => {
    expect(Object.keys(recordToJson(makeRecord()))).toEqual([
      ...[
        "schema",
        "uuid",
        "name",
        "command",
        "args",
        "status",
        "reason",
        "message",
        "exit_code",
        "signal",
        "runtime",
      ],
      ...[
        "created_time",
        "start_time",
        "end_time",
        "scheduled_time",
        "schedule",
        "max_cpu",
        "max_memory",
        "max_iobps",
      ],
      ...[
        "cpu_cores",
        "max_pids",
        "timeout",
        "network",
        "ip",
        "volumes",
        "environment",
        "secret_environment",
        "workdir",
      ],
      ...["uploads", "supervisor", "metrics", "warnings", "log_cut_bytes"],
    ]);
    expect(recordToJson(makeRecord())["exit_code"]).toBeNull();
    expect(recordToJson(full)["supervisor"]).toEqual({ pid: 12, start_ticks: 3456, boot_id: "b" });
  });

  test("arguments that are not UTF-8 survive", () => {
    const record = makeRecord({ args: ["\udcff\udcfe", "é", "\0"] });
    expect(parsed(encodeRecord(record)).args).toEqual(record.args);
    expect(Buffer.from(encodeRecord(record)).includes("\ufffd")).toBe(false);
  });

  test("unknown keys are kept, nested ones too", () => {
    const json = JSON.stringify({
      ...recordToJson(full),
      color: ["red"],
      metrics: { ...(recordToJson(full)["metrics"] as object), gpu: 7 },
    });
    const written = JSON.parse(encodeRecord(parsed(json)));
    expect(written).toEqual(JSON.parse(json));
  });

  test("keys that an older rnx did not write are absent values", () => {
    const { uuid } = full;
    const json = { schema: 1, uuid, command: "x", status: "RUNNING", created_time: "2026-11-24T12:00:00Z" };
    expect(parsed(JSON.stringify(json))).toEqual(
      makeRecord({
        uuid,
        command: "x",
        args: [],
        status: "RUNNING",
        createdTime: "2026-11-24T12:00:00Z",
        maxPids: null,
      }),
    );
  });
});

describe("a record that cannot be understood", () => {
  test.each([
    ["", "the record is empty"],
    ["\n", "the record is empty"],
    [encodeRecord(full).slice(0, 200), "the record is not JSON"],
    ["\0\0\0", "the record is not JSON"],
    ["[]", "the record is not a JSON object"],
    ["null", "the record is not a JSON object"],
    ["{}", "the record's schema, uuid, command cannot be understood"],
    [encodeRecord(full).replace('"FAILED"', '"LOST"'), "the record's status cannot be understood"],
    [
      encodeRecord(full).replace('"pid": 12', '"pid": "x"'),
      "the record's supervisor.pid cannot be understood",
    ],
    [encodeRecord(full).replace(full.uuid, "../../etc"), "the record's uuid cannot be understood"],
    ['{"schema": 99}', "the record has schema 99; this rnx understands 1"],
  ])("%# is a problem and no exception", (text, problem) => {
    expect(parseRecord(text)).toEqual({ problem });
  });
});

describe("a record of a newer schema", () => {
  test("is shown as far as it is understood", () => {
    const json = { ...recordToJson(full), schema: 99, network: { name: "n" }, shape: 1 };
    const record = parsed(JSON.stringify(json));
    expect(isNewerRecord(record)).toBe(true);
    expect(record).toEqual({ ...full, schema: 99, network: "none", other: { shape: 1 } });
  });
});

test("four states are final", () => {
  expect(JOB_STATUSES.filter(isFinal)).toEqual(["COMPLETED", "FAILED", "STOPPED", "CANCELED"]);
});
