import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../fixtures/programs.ts";
import { greeter, type RunRow, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string) => readFile(join(root, file), "utf8");

/** Commands of a page: every `sh` block, with the name given to it by a comment before. */
function blocks(text: string): readonly { readonly name: string; readonly script: string }[] {
  return [...text.matchAll(/(?:<!-- run: ([a-z-]+) -->\s*)?```sh\n([\s\S]*?)```/g)].map((match) => ({
    name: match[1] ?? "",
    script: match[2] ?? "",
  }));
}

describe("the documentation", () => {
  it("has a reason for every package, and for nothing else", async () => {
    const manifest: Record<string, Record<string, string>> = JSON.parse(await read("package.json"));
    const named = [...(await read("docs/dependencies.md")).matchAll(/^\| (`.+?) \|/gm)].flatMap((match) =>
      [...(match[1] ?? "").matchAll(/`([^`]+)`/g)].map((name) => name[1]),
    );
    const packages = [
      ...Object.keys(manifest["dependencies"] ?? {}),
      ...Object.keys(manifest["devDependencies"] ?? {}),
    ];
    expect(named.sort()).toEqual(packages.sort());
    const versions = Object.values({ ...manifest["dependencies"], ...manifest["devDependencies"] });
    expect(versions.filter((version) => !/^(npm:[a-z]+@)?\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  it("has a reference that is what the code says", async () => {
    const checked = await run(process.execPath, [join(root, "tools/reference.mjs"), "--check"]);
    expect(checked.stderr).toBe("");
    expect(checked.code).toBe(0);
  });

  it("shows the version that the package has", async () => {
    const manifest: { version: string } = JSON.parse(await read("package.json"));
    const shown = await run(process.execPath, [join(root, "dist/fairlead.mjs"), "--version"]);
    expect(shown.stdout.trim()).toBe(manifest.version);
  });

  it("leads nowhere that is not there", async () => {
    for (const page of [
      "README.md",
      ...(await readdir(join(root, "docs"))).flatMap((name) => (name.endsWith(".md") ? [`docs/${name}`] : [])),
    ]) {
      for (const link of (await read(page)).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        const target = join(root, page, "..", link[1] ?? "");
        expect(
          await readFile(target).then(
            () => "there",
            () => `${page}: ${target} is missing`,
          ),
        ).toBe("there");
      }
    }
  });
});

describe("the commands of the README and of the operations page", () => {
  let family: ServedFamily;
  let port: number;
  beforeAll(async () => {
    family = await serveFamily([greeter]);
    port = await new Promise<number>((done) => {
      const probe = createServer();
      probe.listen(0, "127.0.0.1", () => {
        const address = probe.address();
        probe.close(() => done(typeof address === "object" && address ? address.port : 0));
      });
    });
  });
  afterAll(() => family.remove());

  it("do in order what they say", async () => {
    const folder = join(family.root, "reader");
    await run("mkdir", ["-p", folder]);
    const readme = blocks(await read("README.md"));
    const operations = blocks(await read("docs/operations.md"));
    expect(readme.map((block) => block.name)).toEqual([
      "",
      "first-ten-minutes",
      "first-ten-minutes",
      "first-ten-minutes-release",
    ]);
    const prepared = (script: string) =>
      script
        .replace(/^REPOSITORY=.*$/m, `REPOSITORY=file://${family.root}/seeds/greeter`)
        .replace(/^COMPONENT=.*$/m, "COMPONENT=greeter")
        .replace("fairlead serve &", `fairlead serve --port ${port} > serve.log 2>&1 & echo $! > serve.pid`)
        .replace("sleep 5", `until curl -sf http://127.0.0.1:${port}/readyz; do :; done`)
        .replaceAll("7070", String(port));
    const env = {
      ...process.env,
      PATH: `${join(root, "bin")}:${process.env["PATH"]}`,
      HOME: folder,
      GIT_AUTHOR_NAME: "R",
      GIT_AUTHOR_EMAIL: "r@example.invalid",
      GIT_COMMITTER_NAME: "R",
      GIT_COMMITTER_EMAIL: "r@example.invalid",
      COMPONENT: "greeter",
    };
    const shell = (script: string) => run("/bin/bash", ["-euc", prepared(script)], { cwd: folder, env });
    const api = async (path: string): Promise<readonly RunRow[]> => {
      const answer: { items: RunRow[] } = JSON.parse(
        await (await fetch(`http://127.0.0.1:${port}/api/v1${path}`)).text(),
      );
      return answer.items;
    };
    try {
      const [, begin, change, release] = readme;
      const begun = await shell(begin?.script ?? "");
      expect(begun.stderr).toContain("adopted, not rebuilt; upstream is never written");
      expect([begun.code, begun.stdout]).toEqual([0, expect.stringContaining("greeter")]);
      const changed = await shell(change?.script ?? "");
      expect([changed.code, changed.stdout]).toEqual([0, expect.stringContaining("greeter#1")]);
      await family.until("the green change", async () =>
        (await api("/runs?change=1")).find((row) => row.state === "success"),
      );
      const merged = await shell((release?.script ?? "").split("\n")[0] ?? "");
      expect([merged.code, merged.stderr]).toEqual([0, expect.any(String)]);
      await family.until("the green branch", async () =>
        (await api("/runs?component=greeter")).find((row) => row.type === "postsubmit" && row.state === "success"),
      );
      const released = await shell((release?.script ?? "").split("\n").slice(1).join("\n"));
      expect(released.stdout).toContain("greeter@v99.0.0-rc1: ■ published");
      expect(released.code).toBe(0);
      // The family file and a second policy lie where the reader is.
      const replayed = blocks(await read("docs/releases.md")).find((block) => block.name === "replay");
      await run("/bin/sh", ["-c", "echo 'not-a-merge: refuse' > stricter.yaml"], { cwd: folder });
      const told = await shell(replayed?.script ?? "exit 9");
      expect([told.code, told.stdout]).toEqual([0, expect.stringContaining("With stricter.yaml:")]);
      const train = blocks(await read("docs/releases.md")).find((block) => block.name === "train");
      const planned = await shell(train?.script ?? "exit 9");
      expect([planned.code, planned.stdout]).toEqual([0, expect.stringMatching(/greeter +v99\.0\.0 +ready/)]);
      const kept = await shell(operations.map((block) => block.script).join("\n"));
      expect([kept.code, kept.stdout]).toEqual([0, expect.stringContaining("restored-home")]);
    } finally {
      await run("/bin/sh", ["-c", 'kill "$(cat serve.pid)"'], { cwd: folder });
    }
  });
});
