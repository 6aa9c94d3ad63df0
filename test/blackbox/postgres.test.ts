import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PrivatePostgres, postgresPrograms, startPostgres } from "../fixtures/postgres.ts";
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

const programs = postgresPrograms();
let postgres: PrivatePostgres;
let family: ServedFamily;

beforeAll(async () => {
  if (!programs) return;
  postgres = await startPostgres(programs);
  postgres.createDatabase("family");
  family = await serveFamily([greeter], [], { FAIRLEAD_DATABASE: postgres.url("family") });
});
afterAll(async () => {
  if (!programs) return;
  await family.remove();
  await postgres.stop();
});

const registryDigest = async (tag: string) =>
  (
    await fetch(`${family.url()}/v2/fam/greeter/manifests/${tag}`, {
      headers: { authorization: `Bearer ${await family.token()}`, accept: "*/*" },
    })
  ).headers.get("docker-content-digest");

async function changeAndMerge(name: string): Promise<string> {
  const clone = await family.clone("greeter", name);
  const { number, run: tested } = await proposeAndWait(family, clone, "greeter", { [`${name}.txt`]: name });
  expect(tested.state).toBe("success");
  return await mergeAndWait(family, "greeter", number);
}

async function pushTag(tag: string): Promise<void> {
  const clone = await family.clone("greeter", `tagger-${tag}`);
  await family.git(clone, "tag", "-m", tag, tag, "origin/main");
  const pushed = await family.git(clone, "push", "-q", "origin", tag);
  expect(pushed.code, pushed.stderr).toBe(0);
}

async function published(tag: string): Promise<ReleaseRow> {
  return await family.until(`${tag} to be published`, async () => {
    const { items } = await family.api<{ items: ReleaseRow[] }>("/releases");
    return items.find((row) => row.id === `greeter@${tag}` && row.state === "published");
  });
}

async function buildsOf(tag: string): Promise<readonly RunRow[]> {
  const { items } = await family.api<{ items: RunRow[] }>("/runs?component=greeter");
  return items.filter((row) => row.refs.base_ref === tag);
}

/** In order: each goes on with what the one before left. */
describe.skipIf(!programs)("a family served from PostgreSQL (skipped where it is not installed)", () => {
  it("goes from a change to a canary and a release, and keeps nothing in the home's own database", async () => {
    await family.start();
    const merged = await changeAndMerge("first");
    const canary = await family.until("the canary", async () => (await registryDigest("canary")) ?? undefined);
    expect(canary).toMatch(/^sha256:/);
    await pushTag("v1.0.0");
    const row = await published("v1.0.0");
    expect(await registryDigest("v1.0.0")).toBe(row.images[0]?.digest);
    const verified = await family.fairlead("verify", `${new URL(family.url()).host}/fam/greeter:v1.0.0`);
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining("verified")]);
    const traced = await family.fairlead("trace", merged.slice(0, 12));
    expect(traced.stdout).toContain("v1.0.0");
    for (const page of ["/", "/components/greeter", "/releases/greeter%40v1.0.0", "/registries", "/runs"])
      expect([page, (await fetch(`${family.url()}${page}`)).status]).toEqual([page, 200]);
    expect(existsSync(join(family.home, "fairlead.db"))).toBe(false);
  });

  it.each(["1:before", "2:effect", "3:written", "4:effect"])(
    "publishes once what it was killed at, at journal entry %s, with the digest that was built",
    async (point) => {
      const tag = `v1.${Number(point[0])}.0`;
      await changeAndMerge(`for-${tag}`);
      await family.stop();
      await family.start({ FAIRLEAD_CRASH_AT: point });
      await pushTag(tag);
      await family.ended();
      await family.start();
      const row = await published(tag);
      expect(await registryDigest(tag)).toBe(row.images[0]?.digest);
      const builds = await buildsOf(tag);
      expect(builds.map((run) => run.state)).toEqual(["success"]);
    },
  );

  it("starts a run again at once that it was killed in", async () => {
    const clone = await family.clone("greeter", "slow");
    const script = `${greeter.files["build.sh"]}[ "$PULL_BASE_REF" != v2.0.0 ] || sleep 3\n`;
    const { number } = await proposeAndWait(family, clone, "greeter", { "build.sh": script });
    await mergeAndWait(family, "greeter", number);
    await pushTag("v2.0.0");
    await family.until("the build to begin", async () => {
      const { items } = await family.api<{ items: RunRow[] }>("/runs?component=greeter&state=pending");
      return items[0];
    });
    await family.kill();
    await family.start();
    const row = await published("v2.0.0");
    expect(await registryDigest("v2.0.0")).toBe(row.images[0]?.digest);
    const builds = await buildsOf("v2.0.0");
    expect(builds).toHaveLength(1);
    const whole = await family.api<{ attempts: unknown[] }>(`/runs/${builds[0]?.id}`);
    expect(whole.attempts).toHaveLength(2);
  });

  it("goes on when the database was started again under it", async () => {
    await postgres.restart();
    await family.until("the database to be found again", async () =>
      (await fetch(`${family.url()}/api/v1/releases`)).status === 200 ? true : undefined,
    );
    await changeAndMerge("after-restart");
    await pushTag("v3.0.0");
    await published("v3.0.0");
  });

  it("is the only server of its database, whatever home another one has", async () => {
    const other = await mkdtemp(join(tmpdir(), "other-home-"));
    try {
      const serve = [
        "serve",
        "--port",
        "0",
        "--home",
        join(other, "home"),
        "--config",
        join(family.root, "fairlead.yaml"),
      ];
      const env = { ...process.env, FAIRLEAD_DATABASE: postgres.url("family") };
      const refused = await run(process.execPath, [program, ...serve], { env });
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringContaining("another Fairlead works on this database"),
      ]);
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  });

  it("keeps a record whose chain holds, read with a server and without; its database is backed up by its own tools", async () => {
    const whole = { code: 0, stdout: expect.stringContaining("rows are as they were written") };
    expect(await family.fairlead("verify", "--record")).toMatchObject(whole);
    const backup = await family.fairlead("backup", join(family.root, "backup.tgz"));
    expect([backup.code === 0, backup.stderr]).toEqual([false, expect.stringContaining("pg_dump")]);
    await family.stop();
    expect(await family.fairlead("verify", "--record")).toMatchObject(whole);
    expect((await family.fairlead("releases")).stdout).toContain("v3.0.0");
    const offline = await family.fairlead("backup", join(family.root, "backup.tgz"));
    expect([offline.code === 0, offline.stderr]).toEqual([false, expect.stringContaining("pg_dump")]);
  });

  it("does not begin another record in the home when it is started without its database", async () => {
    await expect(family.start({ FAIRLEAD_DATABASE: "" })).rejects.toThrow(/the record of .* is in PostgreSQL/);
    expect(existsSync(join(family.home, "fairlead.db"))).toBe(false);
  });
});
