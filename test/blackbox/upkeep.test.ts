import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FaultyRegistry, serveFaulty } from "../fixtures/faulty-registry.ts";
import { type GoProxy, ownAddress, serveGoProxy } from "../fixtures/go-proxy.ts";
import { programPath } from "../fixtures/programs.ts";
import { mergeAndWait, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

interface Item {
  readonly component: string;
  readonly kind: string;
  readonly outcome: string;
  readonly detail: string;
  readonly change: number | null;
}

const address = ownAddress();
const lacking =
  programPath("go") === undefined && !programPath("/usr/local/go/bin/go")
    ? "go is not installed"
    : address === undefined
      ? "this machine has no address but loopback"
      : undefined;
const suite = lacking === undefined ? describe : describe.skip;
const platform = `linux-${process.arch === "x64" ? "amd64" : process.arch}`;
let family: ServedFamily;
let proxy: GoProxy;
let registry: FaultyRegistry;
let clone: string;
const digest = (name: string) => `sha256:${name.repeat(64).slice(0, 64)}`;

beforeAll(async () => {
  if (lacking !== undefined) return;
  proxy = await serveGoProxy(address ?? "");
  proxy.modules.set("example.org/words", ["v1.0.0", "v1.1.0", "v1.2.0-rc.1"]);
  proxy.modules.set(
    "golang.org/toolchain",
    ["1.26.5", "1.26.6", "1.27.0"].map((each) => `v0.0.1-go${each}.${platform}`),
  );
  registry = await serveFaulty();
  const greeter = {
    name: "greeter",
    files: {
      ".fairlead.yaml": "test: 'true'\n",
      "go.mod": "module example.org/greeter\n\ngo 1.21\n\nrequire example.org/words v1.0.0\n",
      "main.go": 'package main\n\nimport "example.org/words"\n\nfunc main() { println(words.Said) }\n',
      "vendor/modules.txt": "# example.org/words v1.0.0\n## explicit; go 1.21\nexample.org/words\n",
      "vendor/example.org/words/words.go":
        'package words\n\n// Said is what this version says.\nconst Said = "v1.0.0"\n',
      Dockerfile: `FROM ${registry.host}/base:v1@${digest("1")}\nCOPY greeter /\n`,
    },
    settings: ["images: []", "jobs: {env: {GONOSUMDB: '*', GOSUMDB: 'off', GOINSECURE: '*'}}"],
  };
  const tools = {
    name: "tools",
    files: { ".fairlead.yaml": "toolchain: {stamper: 1.2.0, go: 1.26.5} # exact\ntest: 'true'\n" },
    settings: ["kind: internal"],
  };
  family = await serveFamily(
    [greeter, tools],
    [
      `toolchains: {goproxy: "http://${proxy.host}"}`,
      `reachable: ["${proxy.host}"]`,
      `registries: {baseHosts: ["${registry.host}"]}`,
    ],
  );
  await family.start();
  clone = await family.clone("greeter");
});
afterAll(async () => {
  await family?.remove();
  proxy?.close();
  registry?.close();
});

/** Looks, and answers what was found once no run of it goes. */
async function look(component: string): Promise<readonly Item[]> {
  const asked = await family.fairlead("maintenance", component, "--now", "--json");
  if (asked.code > 1) throw new Error(asked.stderr);
  return await family.until("the job to end", async () => {
    const { items } = await family.api<{ items: readonly Item[] }>(`/maintenance?component=${component}`);
    return items.some((item) => item.outcome === "running") ? undefined : items;
  });
}

const kind = (items: readonly Item[], name: string) => items.find((item) => item.kind === name);

async function shown(change: number, file: string): Promise<string> {
  await family.git(clone, "fetch", "-q", "origin", `refs/pull/${change}/head`);
  return (await family.git(clone, "show", `FETCH_HEAD:${file}`)).stdout;
}

suite(`the maintenance job${lacking === undefined ? "" : ` (skipped: ${lacking})`}`, () => {
  it("opens one change for the Go modules, go.mod and vendored code together", async () => {
    const { change, outcome, detail } = kind(await look("greeter"), "go-modules") ?? {};
    expect([outcome, detail]).toEqual(["opened", "Update the Go module example.org/words@v1.1.0"]);
    expect(await shown(change ?? 0, "go.mod")).toContain("example.org/words v1.1.0");
    expect(await shown(change ?? 0, "vendor/example.org/words/words.go")).toContain('"v1.1.0"');
    expect(await shown(change ?? 0, "go.sum")).toContain("example.org/words v1.1.0 h1:");
  });

  it("does not open it again, and brings it up to date", async () => {
    const before = kind(await look("greeter"), "go-modules");
    expect(before?.outcome).toBe("unchanged");
    proxy.modules.set("example.org/words", ["v1.0.0", "v1.1.0", "v1.2.0"]);
    const after = kind(await look("greeter"), "go-modules");
    expect(after).toMatchObject({ outcome: "updated", change: before?.change });
    expect(await shown(after?.change ?? 0, "go.mod")).toContain("example.org/words v1.2.0");
    await family.until("its check", async () => {
      const change = await family.api<{ blockers: readonly string[] }>(`/changes/greeter/${after?.change}`);
      return change.blockers.length === 0 ? true : undefined;
    });
    await mergeAndWait(family, "greeter", after?.change ?? 0);
    expect(kind(await look("greeter"), "go-modules")?.outcome).toBe("current");
  });

  it("takes base images as their tags mean them now", async () => {
    const bytes = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] }),
    );
    registry.manifests.set("base:v1", { type: "application/vnd.oci.image.index.v1+json", bytes });
    const found = kind(await look("greeter"), "bases");
    expect(found).toMatchObject({ outcome: "opened", detail: "Take base images as they are now" });
    const text = await shown(found?.change ?? 0, "Dockerfile");
    expect(text).toMatch(/^FROM \S+\/base:v1@sha256:[0-9a-f]{64}\nCOPY greeter \/\n$/);
    expect(text).not.toContain(digest("1"));
  });

  it("leaves alone what a person closed, until something was merged", async () => {
    const { items } = await family.api<{ items: readonly Item[] }>("/maintenance?component=greeter");
    const number = String(kind(items, "bases")?.change);
    expect((await family.fairlead("close", "greeter", number)).code).toBe(0);
    expect(kind(await look("greeter"), "bases")).toMatchObject({
      outcome: "left",
      detail: `change ${number} was closed, and nothing was merged since`,
    });
  });

  it("moves an exact Go to the newest patch of its line", async () => {
    const found = kind(await look("tools"), "go");
    expect(found).toMatchObject({ outcome: "opened", detail: "Build with Go 1.26.6 instead of 1.26.5" });
    const folder = await family.clone("tools");
    await family.git(folder, "fetch", "-q", "origin", `refs/pull/${found?.change}/head`);
    const text = await family.git(folder, "show", "FETCH_HEAD:.fairlead.yaml");
    expect(text.stdout).toBe("toolchain: {stamper: 1.2.0, go: 1.26.6} # exact\ntest: 'true'\n");
  });

  it("says what could not be asked", async () => {
    proxy.close();
    proxy.modules.clear();
    expect(kind(await look("greeter"), "go-modules")).toMatchObject({ outcome: "failed" });
    const told = await family.fairlead("maintenance");
    expect(told.stdout).toMatch(/greeter +go-modules +failed .*\/example\.org\/words\/@v\/list/);
  });
});
