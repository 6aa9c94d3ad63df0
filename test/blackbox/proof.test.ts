import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { greeter, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

let family: ServedFamily;
const seed = {
  ...greeter,
  files: {
    ...greeter.files,
    ".fairlead.yaml": `${greeter.files[".fairlead.yaml"]}files: [deploy/rbac.yaml]\n`,
    "deploy/rbac.yaml": "kind: Role\n",
  },
};
const library = { name: "shelf", files: { ".fairlead.yaml": 'test: "true"\n' }, settings: ["images: []"] };

interface Answer {
  readonly ok: boolean;
  readonly digest: string;
  readonly checks: readonly { readonly check: string; readonly ok: boolean; readonly detail: string }[];
}

beforeAll(async () => {
  family = await serveFamily([seed, library]);
  await family.start();
  for (const name of ["greeter", "shelf"]) await release(name);
}, 180_000);
afterAll(async () => family.remove());

/** A change, merged on the record whatever its checks say, built on its branch and tagged. */
async function release(component: string): Promise<void> {
  const clone = await family.clone(component);
  await family.git(clone, "commit", "-q", "--allow-empty", "-m", "Go on");
  await family.git(clone, "push", "-q", "origin", "HEAD:refs/for/main");
  await family.until("the change is tested", async () => {
    const { items } = await family.api<{ items: { state: string }[] }>(`/runs?component=${component}`);
    return items.length > 0 && items.every((run) => run.state === "success") ? true : undefined;
  });
  await family.fairlead("merge", component, "1");
  await family.until("the branch is built", async () => {
    const { items } = await family.api<{ items: { type: string; state: string }[] }>(`/runs?component=${component}`);
    return items.some((run) => run.type === "postsubmit" && run.state === "success") ? true : undefined;
  });
  const released = await family.fairlead("release", component, "v1.0.0", "--yes");
  expect(released.code, released.stderr).toBe(0);
}

const reference = (name: string) => `${new URL(family.url()).host}/fam/${name}:v1.0.0`;

async function verify(...args: string[]): Promise<Answer & { readonly code: number | null }> {
  const ended = await family.fairlead("verify", ...args, "--json");
  const answer: Answer = JSON.parse(ended.stdout);
  return { ...answer, code: ended.code };
}

describe("the proof of a release", () => {
  it("is checked by the family's key and by a key file, and refused with another", async () => {
    const own = await verify(reference("greeter"));
    expect(own).toMatchObject({ ok: true, code: 0 });
    expect(own.checks.map((each) => each.check)).toEqual([
      "key",
      "content",
      "signature",
      "provenance",
      "labels",
      "sbom",
      "files",
      "record",
    ]);
    const key = join(family.root, "family.pub");
    await writeFile(key, (await family.fairlead("key", "show")).stdout);
    expect(await verify(reference("greeter"), "--key", key)).toMatchObject({ ok: true, code: 0 });
    const stranger = join(family.root, "stranger.pub");
    execFileSync("sh", ["-c", `openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout > '${stranger}'`], {
      stdio: "pipe",
    });
    expect(await verify(reference("greeter"), "--key", stranger)).toMatchObject({ ok: false, code: 1 });
  });

  it("is a signature that openssl accepts over what the registry serves", async () => {
    const { digest } = await verify(reference("greeter"));
    const get = async (path: string) =>
      await fetch(`${family.url()}/v2/fam/greeter/${path}`, {
        headers: { authorization: `Bearer ${await family.token()}`, accept: "*/*" },
      });
    const index: { manifests: { digest: string; artifactType: string }[] } = JSON.parse(
      await (await get(`referrers/${digest}`)).text(),
    );
    const bundles = index.manifests.filter(
      (each) => each.artifactType === "application/vnd.dev.sigstore.bundle.v0.3+json",
    );
    expect(bundles.length).toBeGreaterThanOrEqual(2);
    const key = join(family.root, "openssl.pub");
    await writeFile(key, (await family.fairlead("key", "show")).stdout);
    for (const each of bundles) {
      const manifest: { layers: { digest: string }[] } = JSON.parse(
        await (await get(`manifests/${each.digest}`)).text(),
      );
      const {
        dsseEnvelope: envelope,
      }: { dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] } } = JSON.parse(
        await (await get(`blobs/${manifest.layers[0]?.digest}`)).text(),
      );
      const payload = Buffer.from(envelope.payload, "base64");
      const head = `DSSEv1 ${envelope.payloadType.length} ${envelope.payloadType} ${payload.length} `;
      await writeFile(join(family.root, "signed"), Buffer.concat([Buffer.from(head), payload]));
      await writeFile(join(family.root, "signature"), Buffer.from(envelope.signatures[0]?.sig ?? "", "base64"));
      const said = execFileSync(
        "openssl",
        ["dgst", "-sha256", "-verify", key, "-signature", join(family.root, "signature"), join(family.root, "signed")],
        { encoding: "utf8" },
      );
      expect(said).toContain("Verified OK");
    }
  });

  it("covers a component without images: its files and provenance are the release", async () => {
    expect(await verify(reference("shelf"))).toMatchObject({ ok: true, code: 0 });
  });

  it("is traced from the image to the commit and back", async () => {
    interface Trace {
      readonly commits: readonly { readonly commit: string; readonly change: string | null }[];
      readonly tags: readonly { readonly release: string }[];
      readonly runs: readonly { readonly type: string }[];
      readonly registries: readonly { readonly tag: string; readonly digest: string }[];
    }
    const { digest } = await verify(reference("greeter"));
    const traced = async (subject: string): Promise<Trace> =>
      JSON.parse((await family.fairlead("trace", subject, "--json")).stdout);
    const forwards = await traced(reference("greeter"));
    expect(forwards.tags.map((tag) => tag.release)).toEqual(["greeter@v1.0.0"]);
    expect(forwards.commits.map((each) => each.change)).toEqual(["greeter#1"]);
    expect(forwards.runs.map((run) => run.type)).toEqual(["presubmit", "postsubmit", "postsubmit"]);
    expect(forwards.registries.find((each) => each.tag === "v1.0.0")?.digest).toBe(digest);
    const { subject: _, ...byCommit } = {
      subject: "",
      ...(await traced(forwards.commits[0]?.commit.slice(0, 12) ?? "")),
    };
    const { subject: __, ...byImage } = { subject: "", ...forwards };
    expect(byCommit).toEqual(byImage);
    expect((await traced(digest)).commits).toEqual(forwards.commits);
  });

  it("serves the files of a release at their address, and says what there is", async () => {
    const answer = await fetch(`${family.url()}/files/greeter/v1.0.0/deploy/rbac.yaml`);
    expect([answer.status, await answer.text()]).toEqual([200, "kind: Role\n"]);
    expect(answer.headers.get("content-security-policy")).toContain("sandbox");
    const missing = await fetch(`${family.url()}/files/greeter/v1.0.0/../../secret`);
    expect(missing.status).toBe(404);
    expect((await fetch(`${family.url()}/files/greeter/v9.9.9/deploy/rbac.yaml`)).status).toBe(404);
  });

  it("shows on the release's page how anybody checks it", async () => {
    const page = await (await fetch(`${family.url()}/releases/greeter%40v1.0.0`)).text();
    expect(page).toContain(`fairlead verify ${reference("greeter")}`);
    expect(page).toContain("cosign verify --key family.pub --insecure-ignore-tlog=true");
    expect(page).toContain("/files/greeter/v1.0.0/deploy/rbac.yaml");
  });

  it("keeps a record whose chain holds, with a server and without", async () => {
    expect(await family.fairlead("verify", "--record")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("rows are as they were written"),
    });
    await family.stop();
    expect(await family.fairlead("verify", "--record")).toMatchObject({ code: 0 });
    await family.start();
  });

  it("catches a byte changed in the store", async () => {
    const headers = { accept: "*/*", authorization: `Bearer ${await family.token()}` };
    const manifest = await fetch(`${family.url()}/v2/fam/greeter/manifests/v1.0.0`, { headers });
    const { layers }: { layers: { digest: string }[] } = JSON.parse(await manifest.text());
    const hex = layers[0]?.digest.slice(7) ?? "";
    const file = join(family.home, "blobs", "sha256", hex.slice(0, 2), hex);
    const bytes = await readFile(file);
    const changed = Buffer.from(bytes);
    changed[20] = (changed[20] ?? 0) ^ 1;
    await writeFile(file, changed);
    const answer = await verify(reference("greeter"));
    await writeFile(file, bytes);
    expect(answer.code).toBe(1);
    expect(answer.checks.filter((each) => !each.ok)).toEqual([
      { check: "content", ok: false, detail: expect.stringContaining("holds other bytes") },
    ]);
    expect((await verify(reference("greeter"))).ok).toBe(true);
  });

  it("follows its key by another, and takes trust from one that got out", async () => {
    expect((await family.fairlead("key", "rotate")).code).toBe(0);
    expect(await verify(reference("greeter"))).toMatchObject({ ok: true });
    const { items } = await family.api<{ items: { id: string; state: string }[] }>("/keys");
    expect(items.map((key) => key.state)).toEqual(["current", "retired"]);
    expect((await family.fairlead("key", "revoke", items[1]?.id ?? "", "--from", "2020-01-01")).code).toBe(0);
    expect(await verify(reference("greeter"))).toMatchObject({ ok: false, code: 1 });
  });
});
