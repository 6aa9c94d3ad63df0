import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  greeter,
  mergeAndWait,
  proposeAndWait,
  type ReleaseRow,
  type RunRow,
  type ServedFamily,
  serveFamily,
} from "../fixtures/served-family.ts";

let family: ServedFamily;
let clone: string;
const slowBuild = `${greeter.files["build.sh"]}[ "$PULL_BASE_REF" != v1.0.0 ] || [ -e fast ] || sleep 2\n`;

beforeEach(async () => {
  family = await serveFamily([{ ...greeter, files: { ...greeter.files, "build.sh": slowBuild } }]);
  await family.start();
  clone = await family.clone("greeter");
  for (const name of ["a", "fast"]) {
    const { number } = await proposeAndWait(family, clone, "greeter", { [name]: name });
    await mergeAndWait(family, "greeter", number);
    await family.git(clone, "fetch", "-q", "origin");
    await family.git(clone, "reset", "-q", "--hard", "origin/main");
  }
});
afterEach(() => family.remove());

/** The commit of the change that came before the newest: green, and slow to build. */
const first = "origin/main~1";

async function pushTag(at: string, ...flags: string[]) {
  await family.git(clone, "tag", "-f", "-m", `at ${at}`, "v1.0.0", at);
  return await family.git(clone, "push", ...flags, "origin", "v1.0.0");
}

async function releases(): Promise<readonly ReleaseRow[]> {
  return (await family.api<{ items: ReleaseRow[] }>("/releases")).items;
}

async function atRest(): Promise<readonly ReleaseRow[]> {
  return await family.until("all releases to rest", async () => {
    const all = await releases();
    const moving = all.some((row) => ["requested", "building", "verifying", "publishing"].includes(row.state));
    return moving || all.length === 0 ? undefined : all;
  });
}

async function building(): Promise<void> {
  await family.until("the build to begin", async () => {
    const { items } = await family.api<{ items: RunRow[] }>("/runs?component=greeter&state=pending");
    return items[0];
  });
}

async function digestInRegistry(): Promise<string | null> {
  const answer = await fetch(`${family.url()}/v2/fam/greeter/manifests/v1.0.0`, {
    headers: { authorization: `Bearer ${await family.token()}` },
  });
  return answer.headers.get("docker-content-digest");
}

/** Whatever happened: the registry means what exactly one release recorded, or nothing at all. */
async function expectWhole(all: readonly ReleaseRow[]): Promise<void> {
  const published = all.filter((row) => row.state === "published");
  expect(published.length).toBeLessThanOrEqual(1);
  expect(await digestInRegistry()).toBe(published[0]?.images[0]?.digest ?? null);
}

describe("a tag, while its release is built", () => {
  it("that moves closes the release; the new commit is judged by itself", async () => {
    await pushTag(first);
    await building();
    expect((await pushTag("origin/main", "--force")).code).toBe(0);
    const all = await atRest();
    expect(all.map((row) => row.state).sort()).toEqual(["closed", "published"]);
    await expectWhole(all);
  });

  it("that is deleted closes the release, and nothing is published", async () => {
    await pushTag(first);
    await building();
    expect((await family.git(clone, "push", "origin", ":refs/tags/v1.0.0")).code).toBe(0);
    const all = await atRest();
    expect(all.map((row) => row.state)).toEqual(["closed"]);
    await expectWhole(all);
  });

  it("that is pushed again as it is changes nothing", async () => {
    await pushTag(first);
    await building();
    expect((await family.git(clone, "push", "--force", "origin", "v1.0.0")).code).toBe(0);
    const all = await atRest();
    expect(all.map((row) => row.state)).toEqual(["published"]);
    await expectWhole(all);
  });
});

describe("a tag, after its release is published", () => {
  it("can be neither moved nor deleted, and be pushed again as it is", async () => {
    await pushTag("origin/main");
    await atRest();
    const object = (await family.git(clone, "rev-parse", "v1.0.0")).stdout.trim();
    const moved = await pushTag(first, "--force");
    expect([moved.code, moved.stderr]).toEqual([1, expect.stringContaining("published tag cannot be moved")]);
    const deleted = await family.git(clone, "push", "origin", ":refs/tags/v1.0.0");
    expect([deleted.code, deleted.stderr]).toEqual([1, expect.stringContaining("remote rejected")]);
    await family.git(clone, "update-ref", "refs/tags/v1.0.0", object);
    expect((await family.git(clone, "push", "origin", "v1.0.0")).code).toBe(0);
    const all = await atRest();
    expect(all.map((row) => row.state)).toEqual(["published"]);
    await expectWhole(all);
  });
});

describe("a tag that is not what it was when a killed server comes back", () => {
  const steps = [
    "1:before",
    "1:written",
    "1:effect",
    "2:before",
    "2:written",
    "2:effect",
    "3:before",
    "3:written",
    "3:effect",
    "4:before",
    "4:written",
    "4:effect",
  ];
  const changes = [
    [
      "moved",
      async (repository: string) => family.git(repository, "update-ref", "refs/tags/v1.0.0", await commitOf(first)),
    ],
    ["deleted", (repository: string) => family.git(repository, "update-ref", "-d", "refs/tags/v1.0.0")],
  ] as const;
  const commitOf = async (name: string) => (await family.git(clone, "rev-parse", name)).stdout.trim();

  it.each(steps.flatMap((point) => changes.map(([word, change]) => [word, point, change] as const)))(
    "%s at journal entry %s publishes one thing or nothing",
    async (_word, point, change) => {
      await family.stop();
      await family.start({ FAIRLEAD_CRASH_AT: point });
      clone = await family.clone("greeter", "tagger");
      await pushTag("origin/main");
      await family.ended();
      const done = await change(join(family.home, "git", "greeter.git"));
      expect(done.code).toBe(0);
      await family.start();
      const all = await atRest();
      await expectWhole(all);
      expect(all.every((row) => ["published", "failed", "closed", "quarantined"].includes(row.state))).toBe(true);
      if (point === "4:effect") expect(all.some((row) => row.state === "published")).toBe(true);
    },
  );
});
