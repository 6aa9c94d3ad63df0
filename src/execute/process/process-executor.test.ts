import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, systemClock, systemIds } from "../../core/index.ts";
import type { ExecutionSpec, Executor, Outcome } from "../model.ts";
import { createProcessExecutor } from "./process-executor.ts";

let root: string;
let caged: Executor;
let bare: Executor;
let port: number;
const reachable: string[] = [];
const inside = createServer((_request, response) => response.end("from inside"));

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "execute-"));
  const common = { clock: systemClock, ids: systemIds, reachable: () => reachable, cluster: () => "none" };
  caged = await createProcessExecutor({ folder: join(root, "caged"), ...common });
  bare = await createProcessExecutor({ folder: join(root, "bare"), ...common, allowCage: false });
  await new Promise<void>((done) => inside.listen(0, "127.0.0.1", done));
  const address = inside.address();
  port = typeof address === "object" && address ? address.port : 0;
});

afterAll(async () => {
  inside.close();
  await caged.close();
  await bare.close();
  await rm(root, { recursive: true, force: true });
});

let count = 0;
async function run(
  executor: Executor,
  script: string,
  changes: Partial<ExecutionSpec> = {},
  during?: (abort: (reason: string) => void, output: () => string) => void,
): Promise<Outcome & { readonly output: string }> {
  const tree = join(root, `tree-${++count}`);
  await mkdir(tree);
  const chunks: Uint8Array[] = [];
  const output = () => Buffer.concat(chunks).toString();
  const spec: ExecutionSpec = {
    runId: "r",
    buildId: `b${count}`,
    tier: "change",
    argv: ["/bin/sh", "-c", script],
    cwd: "/home/prow/go",
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/home/prow" },
    mounts: [{ host: tree, inside: "/home/prow/go", writable: true }],
    timeoutMs: 20_000,
    graceMs: 200,
    limits: { logBytes: 1e6, diskBytes: 64 * 1024 ** 2, processes: 200, memoryBytes: 2 * 1024 ** 3 },
    network: "egress",
    onOutput: (chunk) => {
      chunks.push(chunk);
      during?.((reason) => execution?.abort(reason), output);
    },
    ...changes,
  };
  const execution = must(await executor.start(spec));
  const outcome = await execution.outcome;
  return { ...outcome, output: output() };
}

const isolated = async () => (await caged.isolation()).full;

describe("process executor", () => {
  it("answers the payload's exit code and its output in order", async () => {
    for (const executor of [caged, bare]) {
      const outcome = await run(executor, "echo one; echo two >/dev/stderr; echo three; exit 7");
      expect(outcome.output).toBe("one\ntwo\nthree\n");
      expect(outcome).toMatchObject({ kind: "exited", exitCode: 7 });
    }
  });

  it("sends SIGINT to the payload on abort and leaves it its grace", async () => {
    for (const executor of [caged, bare]) {
      const script = "trap 'echo tidy; exit 3' INT; echo ready; while :; do sleep 0.05; done";
      const outcome = await run(executor, script, { graceMs: 10_000 }, (abort, output) => {
        if (output().includes("ready")) abort("superseded");
      });
      expect(outcome.output).toContain("tidy");
      expect(outcome).toMatchObject({ kind: "aborted", exitCode: 130, description: "was aborted: superseded" });
    }
  });

  it("kills what does not end within timeout and grace", async () => {
    const outcome = await run(caged, "trap '' INT; sleep 1000 & wait; sleep 1000", { timeoutMs: 50, graceMs: 50 });
    expect(outcome).toMatchObject({ kind: "timed-out", exitCode: 127 });
  });

  it("leaves no process behind when the payload ends", async () => {
    for (const executor of [caged, bare]) {
      const outcome = await run(executor, "setsid sh -c 'sleep 1000' >/dev/null 2>&1 & exit 0");
      expect(outcome.exitCode).toBe(0);
      expect(await executor.sweep()).toBe(0);
    }
  });

  it("says what could not be started", async () => {
    const outcome = await run(caged, "", { argv: ["/no/such/program"] });
    expect(outcome.exitCode).toBe(127);
    expect(outcome.output).toContain("/no/such/program");
  });

  it("refuses strangers without isolation and runs them with it", async (context) => {
    const refused = await bare.start({ ...(await stranger()), tier: "stranger" });
    expect(refused.ok === false && refused.error.code).toBe("missing-need");
    if (!(await isolated())) return context.skip("no isolation on this machine");
    expect((await run(caged, "exit 0", { tier: "stranger" })).exitCode).toBe(0);
  });

  it("lets a run reach public addresses only, and what the family lists", async (context) => {
    if (!(await isolated())) return context.skip("no isolation on this machine");
    const script = `curl -s -m 5 http://127.0.0.1:${port}/ --noproxy '' ; curl -s -m 5 http://127.0.0.1:${port}/ --noproxy '*' && echo direct`;
    const closed = await run(caged, script);
    expect(closed.output).toContain("refused by fairlead");
    expect(closed.output).not.toContain("from inside");
    expect(closed.output).not.toContain("direct");
    expect(closed.reached).toEqual([{ target: `127.0.0.1:${port}`, allowed: false }]);
    reachable.push(`127.0.0.1:${port}`);
    const open = await run(caged, script);
    expect(open.output).toContain("from inside");
    expect(open.reached).toEqual([{ target: `127.0.0.1:${port}`, allowed: true }]);
  });

  it("writes to nothing that is the machine's, whoever runs the server", async (context) => {
    if (!(await isolated())) return context.skip("no isolation on this machine");
    const outcome = await run(
      caged,
      `find /proc/sys /proc/irq /proc/sysrq-trigger /usr /etc -type f -writable 2>/dev/null | head -3
       for f in /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches; do (echo core > $f) 2>/dev/null && echo "wrote $f"; done
       (echo x > /usr/x) 2>/dev/null && echo wrote usr; (echo x > /x) 2>/dev/null && echo wrote root
       mount -t tmpfs none /usr 2>/dev/null && echo mounted; umount /proc/sys 2>/dev/null && echo unmounted
       unshare -Ur mount --bind /tmp /etc 2>/dev/null && echo remounted
       ls /proc/self/fd | wc -l`,
    );
    expect(outcome.output.trim()).toBe("4");
  });

  it("ends a run that fills its folders or forks without end", async (context) => {
    if (!(await isolated())) return context.skip("no isolation on this machine");
    const full = await run(caged, "i=0; while :; do i=$((i+1)); head -c 20000000 /dev/zero > f$i || exit 5; done");
    expect(full.kind === "limit" || full.exitCode === 5).toBe(true);
    const forks = await run(caged, "f() { f | f & }; f; sleep 1000", { timeoutMs: 1000 });
    // At the bound the payload itself may be what cannot fork.
    expect(forks.kind === "limit" || forks.kind === "timed-out" || forks.exitCode !== 0).toBe(true);
    expect(await caged.sweep()).toBe(0);
  });
});

async function stranger(): Promise<ExecutionSpec> {
  return {
    runId: "r",
    buildId: "s",
    tier: "stranger",
    argv: ["/bin/true"],
    cwd: "/",
    env: {},
    mounts: [],
    timeoutMs: 1000,
    graceMs: 0,
    limits: { logBytes: 1, diskBytes: 1, processes: 1, memoryBytes: 1 },
    network: "none",
    onOutput: () => {},
  };
}
