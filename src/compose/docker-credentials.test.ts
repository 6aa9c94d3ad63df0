import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dockerCredentials } from "./docker-credentials.ts";

let folder: string;
const base64 = (text: string) => Buffer.from(text).toString("base64");

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "docker-credentials-"));
  await mkdir(join(folder, ".docker"));
});
afterEach(() => rm(folder, { recursive: true }));

function ask(host: string, env: Readonly<Record<string, string>> = {}) {
  return dockerCredentials({ HOME: folder, PATH: `${folder}:${process.env["PATH"]}`, ...env })(host);
}

async function helper(name: string, script: string): Promise<void> {
  const file = join(folder, `docker-credential-${name}`);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

const config = (value: unknown) => writeFile(join(folder, ".docker", "config.json"), JSON.stringify(value));

describe("credentials of docker login", () => {
  it("are those of exactly this host", async () => {
    await config({
      auths: {
        "gcr.example": { auth: base64("u:p:q") },
        "https://quay.example/v2/": { auth: base64("v:w") },
        "https://index.docker.io/v1/": { auth: base64("hub:x") },
        "token.example": { auth: base64("u:"), identitytoken: "refresh" },
        "broken.example": { auth: 7 },
      },
    });
    expect(await ask("gcr.example")).toEqual({ username: "u", password: "p:q" });
    expect(await ask("quay.example")).toEqual({ username: "v", password: "w" });
    expect(await ask("registry-1.docker.io")).toEqual({ username: "hub", password: "x" });
    expect(await ask("token.example")).toEqual({ username: "u", password: "", identityToken: "refresh" });
    for (const host of ["gcr.example:5000", "example", "broken.example"]) expect(await ask(host)).toBeUndefined();
  });

  it("take effect without a restart, and may be podman's", async () => {
    const credentials = dockerCredentials({ HOME: folder, XDG_RUNTIME_DIR: folder });
    expect(await credentials("a.example")).toBeUndefined();
    await mkdir(join(folder, "containers"));
    await writeFile(
      join(folder, "containers", "auth.json"),
      JSON.stringify({ auths: { "a.example": { auth: base64("a:b") } } }),
    );
    expect(await credentials("a.example")).toEqual({ username: "a", password: "b" });
  });

  it("come from the helper that is named for the host, by argument vector", async () => {
    await helper(
      "mine",
      `[ "$#" = 1 ] && [ "$1" = get ] && read server; echo "{\\"Username\\":\\"u\\",\\"Secret\\":\\"$server\\"}"`,
    );
    await helper("token", `echo '{"Username":"<token>","Secret":"refresh"}'`);
    await config({
      credHelpers: { "a.example": "mine", "b.example": "token", "c.example": "x; touch owned", "d.example": "absent" },
      auths: { "d.example": { auth: base64("d:e") } },
    });
    expect(await ask("a.example")).toEqual({ username: "u", password: "a.example" });
    expect(await ask("b.example")).toEqual({ username: "<token>", password: "", identityToken: "refresh" });
    expect(await ask("c.example")).toBeUndefined();
    expect(await ask("d.example")).toEqual({ username: "d", password: "e" });
  });

  it("are none where a helper fails, answers nonsense or floods", async () => {
    await helper("fails", `echo '{"Username":"u","Secret":"s"}'; exit 1`);
    await helper("nonsense", "echo not json");
    await helper("floods", "yes | head -c 10000000");
    for (const name of ["fails", "nonsense", "floods"]) {
      await config({ credsStore: name });
      expect(await ask("a.example")).toBeUndefined();
    }
    await writeFile(join(folder, ".docker", "config.json"), "{");
    expect(await ask("a.example")).toBeUndefined();
  });
});
