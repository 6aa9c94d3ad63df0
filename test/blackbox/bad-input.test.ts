import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../fixtures/programs.ts";
import {
  greeter,
  mergeAndWait,
  program,
  proposeAndWait,
  type ReleaseRow,
  type RunRow,
  type ServedFamily,
  serveFamily,
} from "../fixtures/served-family.ts";

let family: ServedFamily;
let clone: string;

beforeAll(async () => {
  family = await serveFamily([greeter], [`  gone:`, `    repository: file:///nonexistent/gone`]);
  await family.start();
  clone = await family.clone("greeter");
});
afterAll(() => family.remove());

async function reset(): Promise<void> {
  await family.git(clone, "fetch", "-q", "origin");
  await family.git(clone, "reset", "-q", "--hard", "origin/main");
}

async function failing(files: Readonly<Record<string, string>>): Promise<RunRow> {
  await reset();
  const proposed = await proposeAndWait(family, clone, "greeter", files);
  expect(proposed.run.state).toBe("failure");
  return proposed.run;
}

describe("bad input of a change is told where its author looks", () => {
  it("a release configuration with an unknown key, by line and column", async () => {
    const failed = await failing({ ".fairlead.yaml": "tset: sh build.sh\n" });
    const log = await (await fetch(`${family.url()}/api/v1/runs/${failed.id}/log`)).text();
    expect(`${failed.description}\n${log}`).toMatch(/tset is not known/);
    expect(log).toMatch(/did you mean test\?/);
  });

  it("an image that has to run something and cannot, with the line that asks for it", async () => {
    const failed = await failing({ Dockerfile: "FROM scratch\n\nRUN make\n" });
    expect(failed.description).toMatch(/Dockerfile:3:\d+: .*(?:the build exited with \d|RUN)/);
  });

  it("an instruction that is none, with its line", async () => {
    const failed = await failing({ Dockerfile: "FROM scratch\n\nFETCH make\n" });
    expect(failed.description).toMatch(/Dockerfile:3:\d+: .*FETCH/);
  });

  it("a COPY of a missing file, with its line", async () => {
    const failed = await failing({ Dockerfile: "FROM scratch\nCOPY bin/greter /greeter\n" });
    expect(failed.description).toMatch(/Dockerfile:2:\d+: .*bin\/greter/);
  });

  it("a conflict with its base, by file", async () => {
    await reset();
    const first = await proposeAndWait(family, clone, "greeter", { "a.txt": "one\n" });
    await reset();
    const second = await proposeAndWait(family, clone, "greeter", { "a.txt": "two\n" });
    await mergeAndWait(family, "greeter", first.number);
    const refused = await family.fairlead("merge", "greeter", String(second.number));
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("conflicts with its base in a.txt")]);
    const again = await family.fairlead("rerun", second.run.id);
    expect(again.code).toBe(0);
    const rerun = await family.until("the run of the conflict", async () => {
      const { items } = await family.api<{ items: RunRow[] }>(`/runs?change=${second.number}`);
      return items.find((row) => row.id !== second.run.id && row.finished !== null);
    });
    expect(rerun.description).toContain("conflicts with its base in a.txt");
  });

  it("a branch that is not there, in the push itself", async () => {
    await reset();
    await family.git(clone, "commit", "-q", "--allow-empty", "-m", "x");
    const pushed = await family.git(clone, "push", "origin", "HEAD:refs/for/mian");
    expect([pushed.code, pushed.stderr]).toEqual([1, expect.stringContaining("greeter has no branch mian")]);
  });

  it("a branch named like a version is a branch: nothing is released from it", async () => {
    await reset();
    const pushed = await family.git(clone, "push", "origin", "HEAD:refs/heads/v9.9.9");
    const { items } = await family.api<{ items: ReleaseRow[] }>("/releases");
    expect(items).toEqual([]);
    expect(pushed.code === 0 || pushed.stderr.includes("remote rejected")).toBe(true);
  });
});

describe("bad input of who runs it", () => {
  it("an unreachable repository is shown, and does not keep the others from working", async () => {
    const status = await family.fairlead("status");
    expect(status.stdout).toMatch(/gone/);
    const { components } = {
      components: await family.api<{ status: { state: string }; stateDetail: string }>("/components/gone"),
    };
    expect(components.status.state).toBe("unreachable");
    expect(components.stateDetail).not.toBe("");
  });

  it("a port in use is named, with another", async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, "127.0.0.1", done));
    const address = taken.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const args = ["serve", "--port", String(port), "--home", join(family.root, "another")];
    const refused = await run(process.execPath, [program, ...args, "--config", join(family.root, "fairlead.yaml")]);
    taken.close();
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`port ${port} on 127.0.0.1 is in use`)]);
    expect(refused.stderr).toContain(`--port ${port + 1}`);
  });

  it("a home in use is refused", async () => {
    const refused = await family.fairlead("serve", "--port", "0");
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("another Fairlead works on this home")]);
  });

  it("a family file with a fault has file:line:column, and is not served", async () => {
    const file = join(family.root, "broken.yaml");
    await writeFile(file, "family: x\ncomponents:\n  a: {repository: 'file:///a', kidn: internal}\n");
    for (const command of ["check", "serve"]) {
      const answer = await run(process.execPath, [
        program,
        command,
        "--config",
        file,
        "--home",
        join(family.root, "b"),
      ]);
      expect(answer.code).toBe(command === "check" ? 1 : 2);
      expect(answer.stdout + answer.stderr).toMatch(/broken\.yaml:3:\d+: /);
      expect(answer.stdout + answer.stderr).toContain("did you mean kind?");
    }
  });

  it("a wrong command suggests the right one", async () => {
    const answer = await family.fairlead("relaeses");
    expect([answer.code, answer.stderr]).toEqual([2, expect.stringContaining("releases")]);
  });

  it("acting without a server says how to start it; reading reads the home", async () => {
    await family.stop();
    const acting = await family.fairlead("token", "create", "--user", "x", "--role", "reader");
    expect([acting.code, acting.stderr]).toEqual([3, expect.stringContaining("start it: fairlead serve")]);
    const reading = await family.fairlead("status");
    expect([reading.code, reading.stderr]).toEqual([0, expect.stringContaining("read from the home itself")]);
    expect(reading.stdout).toContain("greeter");
    await family.start();
  });
});

function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync("/bin/sh", ["-c", "d=$(mktemp -d) && mount -t tmpfs -o size=1m none $d && umount $d && rmdir $d"], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!canMount())("a full disk (skipped where a small file system cannot be mounted)", () => {
  it("while an image is made ends in words, publishes nothing, and the release goes on when there is room", async () => {
    const files = {
      ...greeter.files,
      "build.sh": "mkdir -p bin && head -c 12000000 /dev/urandom > bin/greeter && chmod 755 bin/greeter\n",
    };
    const small = await serveFamily([{ ...greeter, files }]);
    const blobs = join(small.home, "blobs");
    await mkdir(blobs, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=30m", "none", blobs]);
    try {
      await small.start();
      const folder = await small.clone("greeter");
      const { number } = await proposeAndWait(small, folder, "greeter", { a: "a" });
      await mergeAndWait(small, "greeter", number);
      await small.git(folder, "fetch", "-q", "origin");
      await small.git(folder, "tag", "-m", "v1.0.0", "v1.0.0", "origin/main");
      await small.git(folder, "push", "-q", "origin", "v1.0.0");
      const failed = await small.until("the release to fail", async () => {
        const { items } = await small.api<{ items: ReleaseRow[] }>("/releases");
        return items.find((row) => row.state === "failed");
      });
      expect(failed.reason).toMatch(/no room left/);
      const there = await fetch(`${small.url()}/v2/fam/greeter/manifests/v1.0.0`, {
        headers: { authorization: `Bearer ${await small.token()}` },
      });
      expect(there.status).toBe(404);
      execFileSync("mount", ["-o", "remount,size=200m", blobs]);
      const { items } = await small.api<{ items: (RunRow & { release?: string })[] }>(
        "/runs?component=greeter&state=failure",
      );
      const build = items.find((row) => row.refs.base_ref === "v1.0.0");
      expect((await small.fairlead("rerun", build?.id ?? "")).code).toBe(0);
      await small.until("the release", async () => {
        const all = await small.api<{ items: ReleaseRow[] }>("/releases");
        return all.items.find((row) => row.state === "published");
      });
    } finally {
      await small.kill();
      execFileSync("umount", ["-l", blobs]);
      await small.remove();
    }
    expect(await readFile("/proc/mounts", "utf8")).not.toContain(blobs);
  });
});
