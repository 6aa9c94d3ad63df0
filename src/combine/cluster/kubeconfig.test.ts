import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { must } from "../../core/index.ts";
import { readContext, serverOf, signsOfProduction } from "./kubeconfig.ts";

let folder = "";
let file = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kubeconfig-"));
  file = join(folder, "config");
  await writeFile(
    file,
    `current-context: a
clusters:
- {name: one, cluster: {server: "https://[::1]:6443", certificate-authority: ca.crt}}
- {name: two, cluster: {server: "https://two.example"}}
contexts:
- {name: a, context: {cluster: one, user: me, namespace: mine}}
- {name: b, context: {cluster: two, user: you}}
users:
- {name: me, user: {tokenFile: token, exec: {command: ./plugin}}}
- {name: you, user: {token: secret}}
`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a kubeconfig", () => {
  it("is cut to one context, whose files are named absolutely and whose namespace is the one given", async () => {
    const current = must(await readContext(file));
    expect(serverOf(current)).toEqual({ host: "::1", port: 6443 });
    const only: unknown = parse(current.only("tests"));
    expect(only).toMatchObject({
      "current-context": "a",
      clusters: [{ cluster: { "certificate-authority": join(folder, "ca.crt") } }],
      contexts: [{ name: "a", context: { namespace: "tests" } }],
      users: [{ name: "me", user: { tokenFile: join(folder, "token") } }],
    });
    expect(current.only("tests")).not.toContain("secret");
    expect(serverOf(must(await readContext(file, "b")))).toEqual({ host: "two.example", port: 443 });
  });

  it("says what is wrong with it, and where", async () => {
    expect(await readContext(file, "c")).toMatchObject({
      ok: false,
      error: { code: "bad-input", message: `${file} has no context c`, hint: "it has: a, b" },
    });
    expect(await readContext(join(folder, "absent"))).toMatchObject({ ok: false, error: { code: "not-found" } });
    const broken = join(folder, "broken");
    for (const text of ["a: [", "clusters: 3", "current-context: x"]) {
      await writeFile(broken, text);
      const read = await readContext(broken);
      expect(read.ok ? "" : read.error.message).toContain(broken);
    }
  });

  it.each([
    ["prod", true],
    ["gke_team_europe-west1_prod-eu", true],
    ["https://api.live.example:443", true],
    ["PRODUCTION", true],
    ["prod2", true],
    ["product", false],
    ["reproduction", false],
    ["livenessprobe", false],
    ["staging", false],
  ])("is taken for production's by the word %s: %s", (name, is) => {
    expect(signsOfProduction({ context: name })).toEqual(is ? [`context ${name}`] : []);
  });
});
