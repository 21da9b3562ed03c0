import { afterEach, beforeEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newJobId } from "../../src/state/ids.ts";
import type { JobRecord } from "../../src/state/record.ts";

/** Gives each test of the file an empty RNX_HOME; returns how to ask for it. */
export function useTemporaryHome(): () => string {
  const before = process.env["RNX_HOME"];
  let home = "";
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "rnx-home-"));
    process.env["RNX_HOME"] = home;
  });
  afterEach(() => {
    if (before === undefined) delete process.env["RNX_HOME"];
    else process.env["RNX_HOME"] = before;
    rmSync(home, { recursive: true, force: true });
  });
  return () => home;
}

/** A record of a job that has just been made, with what the test wants otherwise. */
export function makeRecord(changes: Partial<JobRecord> = {}): JobRecord {
  return {
    schema: 1,
    uuid: newJobId(),
    name: null,
    command: "echo",
    args: ["hello"],
    status: "INITIALIZING",
    reason: null,
    message: null,
    exitCode: null,
    signal: null,
    runtime: null,
    createdTime: "2026-11-24T12:00:00.000Z",
    startTime: null,
    endTime: null,
    scheduledTime: null,
    schedule: null,
    maxCpu: null,
    maxMemory: null,
    maxIobps: null,
    cpuCores: null,
    maxPids: 4096,
    timeout: null,
    network: "none",
    ip: null,
    volumes: [],
    environment: {},
    secretEnvironment: {},
    workdir: "/work",
    uploads: [],
    supervisor: null,
    metrics: null,
    warnings: [],
    logCutBytes: 0,
    other: {},
    ...changes,
  };
}
