import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must } from "../../core/index.ts";
import { kubeconfigFor, readKubeconfig } from "./kubeconfig.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kubeconfig-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

async function write(text: string): Promise<string> {
  const file = join(folder, "config");
  await writeFile(file, text);
  return file;
}

const config = `
apiVersion: v1
kind: Config
current-context: here
contexts:
- {name: other, context: {cluster: production, user: boss}}
- {name: here, context: {cluster: test, user: admin, namespace: mine}}
clusters:
- {name: production, cluster: {server: "https://production.example"}}
- {name: test, cluster: {server: "https://127.0.0.1:6443", certificate-authority: ca.pem}}
users:
- {name: boss, user: {token: secret}}
- {name: admin, user: {client-certificate: cert.pem, client-key-data: ${Buffer.from("KEY").toString("base64")}}}
`;

describe("a run's kubeconfig", () => {
  it("has the current context alone, nothing of others, every file read in, and goes through the way out", async () => {
    await writeFile(join(folder, "ca.pem"), "CA");
    await writeFile(join(folder, "cert.pem"), "CERT");
    const access = must(await readKubeconfig(await write(config)));
    expect(access).toMatchObject({
      server: "https://127.0.0.1:6443",
      authority: "CA",
      clientCertificate: "CERT",
      clientKey: "KEY",
      namespace: "mine",
    });
    const text = kubeconfigFor(access, "http://127.0.0.1:3128");
    expect(text).not.toMatch(/secret|production/);
    expect(must(await readKubeconfig(await write(text)))).toEqual(access);
    expect(JSON.parse(text)).toMatchObject({ clusters: [{ cluster: { "proxy-url": "http://127.0.0.1:3128" } }] });
  });

  it.each([
    ["no YAML", "{", "it is not YAML"],
    ["no kubeconfig", "a: 1", "current-context"],
    [
      "a context that leads nowhere",
      config.replace("current-context: here", "current-context: gone"),
      "names what is not in it",
    ],
    ["a file that is not there", config, "ENOENT"],
  ])("is not made of %s", async (_, text, why) => {
    expect(await readKubeconfig(await write(text))).toMatchObject({
      ok: false,
      error: { code: "bad-input", message: expect.stringContaining(why) },
    });
  });
});
