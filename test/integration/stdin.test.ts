/** The caller's standard input on its way to the job, whatever it is; and the caller's descriptors afterwards. */
import { afterAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { START_MS } from "../support/job.ts";
import { makeHome, runShell } from "../support/rnx.ts";
import { patient, SLOWNESS } from "../support/slowness.ts";

const home = makeHome();
afterAll(() => home.remove());
const shell = (script: string) => runShell(home.path, script, { cwd: home.path, timeoutMs: patient(30_000) });
const python = (program: string) => shell(`python3 -c '${program}'`);

writeFileSync(join(home.path, "lines"), "a\nb\n");

/** Large enough to fill every pipe between the caller and a job that does not read. */
const LARGE = SLOWNESS > 4 ? "10M" : "100M";

describe("standard input", () => {
  test.each([
    ["a pipe", "printf 'a\\nb\\n' | $RNX job run wc -l", "2\n"],
    ["a pipe, with -i", "printf 'a\\nb\\n' | $RNX job run -i wc -l", "2\n"],
    ["a pipe that is empty", "true | $RNX job run wc -c", "0\n"],
    ["a pipe whose writer is slow", "(echo a; sleep 0.5; echo b) | $RNX job run wc -l", "2\n"],
    ["a file", "$RNX job run wc -l <lines", "2\n"],
    ["a file, from where the caller has read to", "(read _; $RNX job run cat) <lines", "b\n"],
    ["/dev/null", "$RNX job run wc -c </dev/null", "0\n"],
    ["/dev/null, with -i", "$RNX job run -i wc -c </dev/null", "0\n"],
    ["nothing: closed", "$RNX job run wc -c <&-", "0\n"],
    ["a here document", "$RNX job run cat <<END\nx\nEND\n", "x\n"],
    ["a named pipe", "mkfifo fifo; (echo a >fifo &); timeout 10 $RNX job run cat <fifo", "a\n"],
  ])("%s", async (_, script, expected) => {
    expect(await shell(script)).toEqual({ code: 0, stdout: expected, stderr: "" });
  });

  test("large, byte for byte", async () => {
    const script = `head -c ${LARGE} /dev/urandom >large; sha256sum <large; $RNX job run sha256sum <large; cat large | $RNX job run sha256sum`;
    const { stdout } = await shell(script);
    const [expected, ...found] = stdout.trimEnd().split("\n");
    expect(found).toEqual([expected ?? "", expected ?? ""]);
  });

  test("a terminal is not read without -i", async () => {
    const script = `(sleep ${START_MS / 1000}) | script -qec "$RNX job run wc -c" /dev/null`;
    expect((await shell(script)).stdout.trim()).toBe("0");
  });

  test("a socket, as from ssh: in and out over the same one", async () => {
    const { stdout } = await python(`
import os, socket, subprocess
a, b = socket.socketpair()
p = subprocess.Popen([os.environ["RNX"], "job", "run", "sh", "-c", "wc -l; seq 20000"], stdin=b, stdout=b)
b.close()
a.sendall(b"x" * 300000 + b"\\n" + b"y\\n")
a.shutdown(socket.SHUT_WR)
data = b""
while chunk := a.recv(65536): data += chunk
print(p.wait(), data.split()[0].decode(), len(data.split()))`);
    expect(stdout).toBe("0 2 20001\n");
  });
});

describe("a job that does not take its input", () => {
  test("ends at its own time, whatever waits in the pipe", async () => {
    const script = `head -c ${LARGE} /dev/zero | $RNX job run sleep 1; echo \${PIPESTATUS[1]}`;
    const { stdout, stderr } = await shell(script);
    expect({ stdout, stderr }).toEqual({ stdout: "0\n", stderr: "" });
  });

  test("ends although the caller's input stays open", async () => {
    const start = performance.now();
    const { code, stdout } = await shell("exec 3> >($RNX job run head -1; echo ended); echo a >&3; wait $!");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "a\nended\n" });
    expect(performance.now() - start).toBeLessThan(patient(5000));
  });

  test("from a writer that never stops, it leaves SIGPIPE to the writer", async () => {
    const { stdout, stderr } = await shell("yes | $RNX job run head -1; echo ${PIPESTATUS[*]}");
    expect({ stdout, stderr }).toEqual({ stdout: "y\n141 0\n", stderr: "" });
  });

  test("one that closes its standard input goes on", async () => {
    const { code, stdout } = await shell("yes | $RNX job run sh -c 'exec <&-; sleep 0.5; echo still here'");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "still here\n" });
  });
});

describe("the caller's descriptors", () => {
  /** Their status flags before, while the job runs, and afterwards: O_NONBLOCK is 2048. */
  const look = (make: string, command: string) =>
    python(`
import fcntl, os, pty, socket, subprocess, sys, time
${make}
def flags(): return [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in (i, o, e)]
before = flags()
p = subprocess.Popen([os.environ["RNX"], "job", "run"] + ${command}, stdin=i, stdout=o, stderr=e)
time.sleep(${START_MS / 1000})
during = flags()
p.wait()
print(before == during == flags(), before)`);

  test.each([
    ["pipes", "(i, _), (_, o), (_, e) = os.pipe(), os.pipe(), os.pipe()"],
    [
      "sockets",
      "pairs = [socket.socketpair() for _ in range(3)]; i, o, e = [pair[0].fileno() for pair in pairs]",
    ],
    ["a terminal", "m, i = pty.openpty(); o = e = i"],
    [
      "files",
      'i = os.open("lines", os.O_RDONLY); o = e = os.open("out", os.O_RDWR | os.O_CREAT | os.O_APPEND)',
    ],
  ])("keep their status flags: %s", async (_, make) => {
    const { stdout, stderr } = await look(
      make,
      `["sh", "-c", "echo x; echo y >&2; sleep ${(2 * START_MS) / 1000}"]`,
    );
    expect(stderr).toBe("");
    expect(stdout).toStartWith("True ");
  });

  test("and so does a pipe through which a job is fed", async () => {
    const script = "(printf 'a\\n'; sleep 0.3) | ($RNX job run head -1; grep flags /proc/self/fdinfo/0)";
    const { stdout } = await shell(script);
    expect(Number.parseInt(stdout.split("flags:")[1] ?? "", 8) & 0o4000).toBe(0);
  });
});
