import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dockerRegistry, type OtherRegistry, serveDockerRegistry } from "../fixtures/docker-registry.ts";
import { type FlakyProxy, serveFlaky } from "../fixtures/flaky-proxy.ts";
import {
  greeter,
  mergeAndWait,
  proposeAndWait,
  type RunRow,
  type ServedFamily,
  serveFamily,
} from "../fixtures/served-family.ts";

interface Release {
  readonly id: string;
  readonly state: string;
  readonly images: readonly {
    readonly name: string;
    readonly digest: string | null;
    readonly registries: readonly { readonly registry: string; readonly state: string; readonly detail: string }[];
  }[];
}
interface Audit {
  readonly items: readonly { readonly kind: string; readonly registry: string; readonly tag: string }[];
  readonly unread: readonly { readonly registry: string }[];
}

const twoImages = {
  ...greeter,
  files: { ...greeter.files, ".fairlead.yaml": `${greeter.files[".fairlead.yaml"]}  - name: second\n` },
  settings: ["images: [greeter, second]"],
};
const images = ["greeter", "second"];
let folder: string;
let others: OtherRegistry[];
let proxies: FlakyProxy[];
let family: ServedFamily;

beforeEach(async () => {
  if (!dockerRegistry) return;
  folder = await mkdtemp(join(tmpdir(), "three-registries-"));
  others = [await serveDockerRegistry(join(folder, "one")), await serveDockerRegistry(join(folder, "two"))];
  proxies = await Promise.all(others.map((other) => serveFlaky(other.host)));
});
afterEach(async () => {
  if (!dockerRegistry) return;
  await family.remove();
  for (const proxy of proxies) proxy.close();
  for (const other of others) await other.stop();
  await rm(folder, { recursive: true, force: true });
});

const names = () => proxies.map((proxy) => `${proxy.host}/there`);

async function prepared(registries: readonly string[]): Promise<void> {
  family = await serveFamily([twoImages], ["registries:", `  release: [${registries.join(", ")}]`]);
  await family.start();
  const clone = await family.clone("greeter");
  const { number } = await proposeAndWait(family, clone, "greeter", { "a.txt": "a" });
  await mergeAndWait(family, "greeter", number);
  await family.git(clone, "fetch", "-q", "origin");
}

async function pushTag(tag = "v1.0.0"): Promise<void> {
  // A clone of its own: the server's port is another after each start.
  const clone = await family.clone("greeter", `tagger-${tag}`);
  await family.git(clone, "tag", "-m", tag, tag, "origin/main");
  await family.git(clone, "push", "-q", "origin", tag);
}

async function release(): Promise<Release | undefined> {
  return (await family.api<{ items: Release[] }>("/releases")).items[0];
}

async function until(what: string, holds: (row: Release) => boolean): Promise<Release> {
  return await family.until(what, async () => {
    const row = await release();
    return row && holds(row) ? row : undefined;
  });
}

const statesAt = (row: Release, registry: string) =>
  row.images.map((image) => image.registries.find((each) => each.registry === registry)?.state);

/** What every registry says that the tag means, asked directly. */
async function digestsEverywhere(tag = "v1.0.0"): Promise<readonly string[]> {
  const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
  const authorization = `Bearer ${await family.token()}`;
  const places = [`${family.url()}/v2/fam/`, ...others.map((other) => `http://${other.host}/v2/there/fam/`)].flatMap(
    (place) => images.map((image) => `${place}${image}/manifests/${tag}`),
  );
  const answers = await Promise.all(places.map((place) => fetch(place, { headers: { accept, authorization } })));
  return answers.map((answer) => answer.headers.get("docker-content-digest") ?? `${answer.status}`);
}

async function releaseBuilds(): Promise<readonly RunRow[]> {
  const { items } = await family.api<{ items: RunRow[] }>("/runs?component=greeter");
  return items.filter((run) => run.refs.base_ref.startsWith("v"));
}

describe.skipIf(!dockerRegistry)(
  "a release to three registries (skipped where docker-registry is not installed)",
  () => {
    it("has one digest everywhere in the end, with one failing half-way and the process killed twice", async () => {
      await prepared(["builtin", ...names()]);
      await family.stop();
      let writes = 0;
      // The third takes half of what it is sent, then nothing.
      const third = proxies[1];
      if (third) third.mood = (method) => (method === "PUT" && ++writes > 2 ? "503" : "pass");
      await family.start({ FAIRLEAD_CRASH_AT: "4:effect" });
      await pushTag();
      await family.ended();
      await family.start({ FAIRLEAD_CRASH_AT: "1:effect" });
      await family.ended();
      await family.start();
      const stuck = await until("two of three", (row) =>
        ["builtin", names()[0] ?? ""].every((name) => statesAt(row, name).every((state) => state === "published")),
      );
      expect(stuck.state).toBe("publishing");
      expect(statesAt(stuck, names()[1] ?? "")).not.toContain("published");
      await until("a reason", (row) =>
        row.images.some((image) => image.registries.some((each) => each.detail.includes("answered 503"))),
      );
      if (third) third.mood = () => "pass";
      const asked = await family.fairlead("promote", stuck.id);
      expect([asked.code, asked.stdout]).toEqual([0, expect.stringContaining("tried again now")]);
      const row = await until("published", (each) => each.state === "published");
      expect(row.images.flatMap((image) => image.registries.map((each) => each.state))).toEqual(
        Array.from({ length: 6 }, () => "published"),
      );
      const recorded = images.map((name) => row.images.find((image) => image.name === name)?.digest);
      expect(await digestsEverywhere()).toEqual([...recorded, ...recorded, ...recorded]);
      const builds = await releaseBuilds();
      expect(builds.map((run) => run.state)).toEqual(["success"]);
      const whole = await family.api<{ attempts: unknown[] }>(`/runs/${builds[0]?.id}`);
      expect(whole.attempts).toHaveLength(1);
    });

    it.each([["2:effect"], ["1:before", "1:effect", "2:before", "3:written"]])(
      "has one digest everywhere, killed at %s … of every start until nothing is left, with one failing now and then",
      async (...points) => {
        await prepared(["builtin", ...names()]);
        await family.stop();
        let writes = 0;
        const third = proxies[1];
        // Every fourth write there fails, as long as it takes.
        if (third) third.mood = (method) => (method === "PUT" && ++writes % 4 === 0 ? "503" : "pass");
        let kills = 0;
        const next = () => ({ FAIRLEAD_CRASH_AT: points[kills % points.length] ?? "" });
        await family.start(next());
        await pushTag();
        for (;;) {
          const ended = await Promise.race([
            family.ended().then(() => true),
            until("published", (row) => row.state === "published").then(
              () => false,
              () => true,
            ),
          ]);
          if (!ended) break;
          kills += 1;
          expect(kills).toBeLessThan(20);
          await family.start(next());
        }
        expect(kills).toBeGreaterThanOrEqual(2);
        const row = await until("published", (each) => each.state === "published");
        const recorded = images.map((name) => row.images.find((image) => image.name === name)?.digest);
        expect(await digestsEverywhere()).toEqual([...recorded, ...recorded, ...recorded]);
        const builds = await releaseBuilds();
        expect(builds.map((run) => run.state)).toEqual(["success"]);
        const whole = await family.api<{ attempts: unknown[] }>(`/runs/${builds[0]?.id}`);
        expect(whole.attempts).toHaveLength(1);
        const audited = await family.fairlead("audit");
        expect([audited.code, audited.stdout]).toEqual([0, expect.stringContaining("6 tags compared, 0 differences")]);
      },
    );

    it("is not held back by one that cannot be reached, and is copied by one command to one that came later", async () => {
      await prepared(["builtin", names()[0] ?? ""]);
      await pushTag();
      const row = await until("published", (each) => each.state === "published");
      const before = await releaseBuilds();
      const config = join(family.root, "fairlead.yaml");
      const text = await readFile(config, "utf8");
      await family.stop();
      await writeFile(config, text.replace(/release: \[.*\]/, `release: [builtin, ${names().join(", ")}]`));
      await family.start();
      const later = names()[1] ?? "";
      expect(statesAt((await release()) ?? row, later)).toEqual(["absent", "absent"]);
      const listed = await family.fairlead("registries");
      expect(listed.stdout).toContain(`Next: fairlead promote --all --registry ${later}`);
      const audited = await family.fairlead("audit", "--json");
      const audit: Audit = JSON.parse(audited.stdout);
      expect([audited.code, audit.items.map((item) => [item.kind, item.registry, item.tag])]).toEqual([
        1,
        images.map(() => ["missing", later, "v1.0.0"]),
      ]);
      expect((await family.fairlead("promote", "--all", "--registry", later)).code).toBe(0);
      await until("copied", (each) => statesAt(each, later).every((state) => state === "published"));
      const recorded = images.map((name) => row.images.find((image) => image.name === name)?.digest);
      expect(await digestsEverywhere()).toEqual([...recorded, ...recorded, ...recorded]);
      expect((await releaseBuilds()).map((run) => run.id)).toEqual(before.map((run) => run.id));
      const again = await family.fairlead("promote", "--all");
      expect(again.stdout).toContain("nothing is left");
      const clean = await family.fairlead("audit");
      expect([clean.code, clean.stdout]).toEqual([0, expect.stringContaining("6 tags compared, 0 differences")]);

      // A signature that somebody took away there is told, and put back by the same command.
      const tag = (recorded[0] ?? "").replace(":", "-");
      const proof = `http://${others[1]?.host}/v2/there/fam/greeter/manifests/${tag}`;
      const headers = { accept: "application/vnd.oci.image.index.v1+json" };
      const digest = (await fetch(proof, { headers })).headers.get("docker-content-digest") ?? "";
      await fetch(proof.replace(tag, digest), { method: "DELETE" });
      expect((await fetch(proof, { headers })).status).toBe(404);
      const lacking: Audit = JSON.parse((await family.fairlead("audit", "--json")).stdout);
      expect(lacking.items.map((item) => `${item.kind} ${item.registry}`)).toContain(`unsigned ${later}`);
      const put = await family.fairlead("promote", row.id, "--registry", later);
      expect(put.stdout).toContain("its proof is put there again");
      await family.until("the proof", async () =>
        (await fetch(proof, { headers })).status === 200 ? true : undefined,
      );
      await family.until("a clean audit", async () => ((await family.fairlead("audit")).code === 0 ? true : undefined));
    });

    it("is audited: a tag that moved, went, or came from elsewhere is told, and nothing is repaired", async () => {
      await prepared(["builtin", ...names()]);
      await pushTag();
      await until("published", (each) => each.state === "published");
      const [one, two] = others;
      const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
      const at = (image: string, tag: string) => `http://${one?.host}/v2/there/fam/${image}/manifests/${tag}`;
      const second = await fetch(at("second", "v1.0.0"), { headers: { accept } });
      const type = second.headers.get("content-type") ?? "";
      const changed = Buffer.from(`${await second.text()}\n`);
      // Docker's registry lets anyone move a tag.
      for (const tag of ["v1.0.0", "v9.0.0"])
        expect(
          (await fetch(at("second", tag), { method: "PUT", headers: { "content-type": type }, body: changed })).status,
        ).toBe(201);
      const digest = (await digestsEverywhere())[4] ?? "";
      const gone = await fetch(`http://${two?.host}/v2/there/fam/greeter/manifests/${digest}`, { method: "DELETE" });
      expect(gone.status).toBe(202);
      const before = await digestsEverywhere();
      const audited = await family.fairlead("audit", "--json");
      const audit: Audit = JSON.parse(audited.stdout);
      expect(audit.items.map((item) => `${item.kind} ${item.registry} ${item.tag}`).sort()).toEqual([
        `deleted ${names()[1]} v1.0.0`,
        `moved ${names()[0]} v1.0.0`,
        `unexpected ${names()[0]} v9.0.0`,
      ]);
      expect(await digestsEverywhere()).toEqual(before);
      const why = await family.fairlead("why", "greeter@v1.0.0");
      expect(why.stdout).toContain("has other bytes under second:v1.0.0");
      const page = await (await fetch(`${family.url()}/registries`)).text();
      expect(page).toContain("Differences from the record");
      expect(await (await fetch(`${family.url()}/`)).text()).toContain("between the registries and the");
      // A tag that is there without our record quarantines the release that would use it.
      await pushTag("v9.0.0");
      const held = await until("held", (each) => each.id === "greeter@v9.0.0" && each.state !== "requested");
      expect(held.state).toBe("quarantined");
    });
  },
);
