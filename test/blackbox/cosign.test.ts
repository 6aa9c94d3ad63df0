import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerRegistry, type OtherRegistry, serveDockerRegistry } from "../fixtures/docker-registry.ts";
import { type Ended, programPath, run } from "../fixtures/programs.ts";
import {
  greeter,
  mergeAndWait,
  proposeAndWait,
  type ReleaseRow,
  type ServedFamily,
  serveFamily,
} from "../fixtures/served-family.ts";

/** cosign 3: from the PATH, or where FAIRLEAD_COSIGN says. */
const cosign = process.env["FAIRLEAD_COSIGN"] ?? programPath("cosign");
const offline = ["--insecure-ignore-tlog=true"];
const platforms = "    platforms: [linux/amd64, linux/arm64]\n";

let folder: string;
let other: OtherRegistry | undefined;
let family: ServedFamily;
let key: string;
let strangersKey: string;
let digest: string;

const call = (...args: string[]) =>
  run(cosign ?? "", args, { env: { PATH: process.env["PATH"], HOME: folder, COSIGN_PASSWORD: "" } });

/** Where the release lies: our registry lists referrers; docker-registry has them in a fallback index alone. */
const places = [
  ["the built-in registry", () => `${new URL(family.url()).host}/fam/greeter`, true],
  [
    "docker-registry (skipped where it is not installed)",
    () => `${other?.host}/there/fam/greeter`,
    dockerRegistry !== undefined,
  ],
] as const;

beforeAll(async () => {
  if (cosign === undefined) return;
  folder = await mkdtemp(join(tmpdir(), "cosign-"));
  if (dockerRegistry) other = await serveDockerRegistry(join(folder, "registry"));
  const files = { ...greeter.files, ".fairlead.yaml": `${greeter.files[".fairlead.yaml"]}${platforms}` };
  const registries = ["builtin", ...(other ? [`${other.host}/there`] : [])];
  family = await serveFamily([{ ...greeter, files }], ["registries:", `  release: [${registries.join(", ")}]`]);
  await family.start();
  const clone = await family.clone("greeter");
  const { number } = await proposeAndWait(family, clone, "greeter", { "a.txt": "a" });
  await mergeAndWait(family, "greeter", number);
  const released = await family.fairlead("release", "greeter", "v1.0.0", "--yes");
  expect(released.code, released.stderr).toBe(0);
  const { items } = await family.api<{ items: ReleaseRow[] }>("/releases");
  digest = items[0]?.images[0]?.digest ?? "";
  key = join(folder, "family.pub");
  await writeFile(key, (await family.fairlead("key", "show")).stdout);
  went(await call("generate-key-pair", "--output-key-prefix", join(folder, "stranger")));
  strangersKey = join(folder, "stranger.pub");
}, 180_000);
afterAll(async () => {
  if (cosign === undefined) return;
  await family.remove();
  await other?.stop();
  await rm(folder, { recursive: true, force: true });
});

function went(ended: Ended): void {
  expect([ended.code, ended.code === 0 ? "" : ended.stderr]).toEqual([0, ""]);
}

/** The statements that cosign printed, one a line. */
function statementsIn(ended: Ended): readonly Statement[] {
  return ended.stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => {
      const { payload }: { payload: string } = JSON.parse(line);
      const statement: Statement = JSON.parse(Buffer.from(payload, "base64").toString("utf8"));
      return statement;
    });
}

interface Referrer {
  readonly digest: string;
  readonly artifactType: string;
}

interface Statement {
  readonly predicateType: string;
  readonly subject: readonly { readonly digest: { readonly sha256: string } }[];
  readonly predicate: {
    readonly buildDefinition?: {
      readonly resolvedDependencies?: readonly { readonly digest?: Readonly<Record<string, string>> }[];
    };
    readonly packages?: readonly { readonly name: string }[];
  };
}

const verify = (reference: string, by = key) => call("verify", "--key", by, ...offline, reference);
const verifyAttestation = (type: string, reference: string, by = key) =>
  call("verify-attestation", "--key", by, "--type", type, ...offline, reference);

describe.skipIf(cosign === undefined)(
  "cosign (skipped where it is neither on the PATH nor named by FAIRLEAD_COSIGN)",
  () => {
    describe.each(places)("reading from %s", (_, place, present) => {
      it.skipIf(!present)(
        "verifies the signature of the index and of every platform with the family's key",
        async () => {
          const listed = await fetch(`http://${place().replace("/", "/v2/")}/manifests/${digest}`, {
            headers: {
              authorization: `Bearer ${await family.token()}`,
              accept: "application/vnd.oci.image.index.v1+json",
            },
          });
          const { manifests }: { manifests: { digest: string }[] } = JSON.parse(await listed.text());
          expect(manifests).toHaveLength(2);
          for (const each of [digest, ...manifests.map((child) => child.digest)]) {
            const ended = await verify(`${place()}@${each}`);
            went(ended);
            expect(ended.stdout).toContain(each);
            const [provenance] = statementsIn(await verifyAttestation("slsaprovenance1", `${place()}@${each}`));
            expect(provenance?.subject.map((subject) => subject.digest.sha256)).toContain(each.slice("sha256:".length));
          }
          went(await verify(`${place()}:v1.0.0`));
          const [sbom] = statementsIn(await verifyAttestation("spdxjson", `${place()}@${manifests[0]?.digest}`));
          expect(sbom?.predicateType).toBe("https://spdx.dev/Document");
        },
      );

      it.skipIf(!present)("finds the released commit in the provenance", async () => {
        const ended = await verifyAttestation("slsaprovenance1", `${place()}@${digest}`);
        went(ended);
        const { items } = await family.api<{ items: { commit: string }[] }>("/releases");
        const [provenance] = statementsIn(ended);
        const dependencies = provenance?.predicate.buildDefinition?.resolvedDependencies ?? [];
        expect(dependencies.map((each) => each.digest?.["gitCommit"])).toContain(items[0]?.commit);
      });

      it.skipIf(!present)("refuses another's key", async () => {
        expect((await verify(`${place()}@${digest}`, strangersKey)).code).not.toBe(0);
        const attested = await verifyAttestation("slsaprovenance1", `${place()}@${digest}`, strangersKey);
        expect(attested.code).not.toBe(0);
      });
    });

    it("refuses signature and provenance of which one byte was changed", async () => {
      const host = new URL(family.url()).host;
      const headers = { authorization: `Bearer ${await family.token()}`, accept: "*/*" };
      const get = async <T>(path: string): Promise<T> => {
        const value: T = JSON.parse(await (await fetch(`http://${host}/v2/fam/greeter/${path}`, { headers })).text());
        return value;
      };
      const { manifests } = await get<{ manifests: Referrer[] }>(`referrers/${digest}`);
      const bundles: string[] = [];
      for (const referrer of manifests.filter((each) => each.artifactType.startsWith("application/vnd.dev.sigstore"))) {
        const { layers } = await get<{ layers: { digest: string }[] }>(`manifests/${referrer.digest}`);
        bundles.push(layers[0]?.digest ?? "");
      }
      expect(bundles).toHaveLength(2);
      const attested: number[] = [];
      for (const bundle of bundles) {
        const mend = await changeByte(bundle);
        attested.push((await verifyAttestation("slsaprovenance1", `${host}/fam/greeter@${digest}`)).code);
        await mend();
      }
      // One of the two is the provenance; for a signature cosign takes any statement about the digest.
      expect(attested.filter((code) => code !== 0)).toHaveLength(1);
      const mends = await Promise.all(bundles.map(changeByte));
      expect((await verify(`${host}/fam/greeter@${digest}`)).code).not.toBe(0);
      for (const mend of mends) await mend();
      went(await verify(`${host}/fam/greeter@${digest}`));
    });

    it("finds no signature on an image that was changed, and pushed under a tag of its own", async () => {
      const host = new URL(family.url()).host;
      const child = await fetch(`http://${host}/v2/fam/greeter/manifests/${digest}`, {
        headers: { authorization: `Bearer ${await family.token()}`, accept: "*/*" },
      });
      const index: { manifests: unknown[] } = JSON.parse(await child.text());
      const mine = JSON.stringify({ ...index, manifests: index.manifests.slice(0, 1) });
      const put = await fetch(`http://${host}/v2/fam/greeter/manifests/mine`, {
        method: "PUT",
        body: mine,
        headers: {
          authorization: `Bearer ${await family.token()}`,
          "content-type": "application/vnd.oci.image.index.v1+json",
        },
      });
      expect(put.status).toBe(201);
      expect((await verify(`${host}/fam/greeter:mine`)).code).not.toBe(0);
    });
  },
);

/** Flips one bit of a stored blob; answers how to put it back. */
async function changeByte(blob: string): Promise<() => Promise<void>> {
  const hex = blob.slice("sha256:".length);
  const file = join(family.home, "blobs", "sha256", hex.slice(0, 2), hex);
  const bytes = await readFile(file);
  const changed = Buffer.from(bytes);
  const middle = Math.floor(changed.length / 2);
  changed[middle] = (changed[middle] ?? 0) ^ 1;
  await writeFile(file, changed);
  return async () => await writeFile(file, bytes);
}
