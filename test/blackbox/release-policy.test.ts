import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { greeter, type Seed, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

interface ReleaseRow {
  readonly version: string;
  readonly state: string;
}

const manifest = (tag: string, own: string) =>
  `# what runs\nspec:\n  - image: r.example/greeter:${tag}   # says hello\n  - image: r.example/driver:${own}\n`;
const driver: Seed = {
  name: "driver",
  files: {
    ".fairlead.yaml": "test: 'true'\npins: ['deploy/*.yaml']\n",
    "deploy/app.yaml": manifest("v1.0.0", "v1.0.0"),
  },
  settings: ["kind: deployment", "deployed: false", "images: [driver]"],
};

let family: ServedFamily;
let seed: string;

/** Tags that are there when a component is taken in are releases of old. */
async function tagged(folder: string, ...tags: readonly string[]): Promise<void> {
  for (const tag of tags) {
    await writeFile(join(folder, "version"), tag);
    await family.git(folder, "add", "-A");
    await family.git(folder, "commit", "-q", "-m", `Prepare ${tag}`);
    await family.git(folder, "tag", tag);
  }
}

beforeAll(async () => {
  family = await serveFamily([greeter, driver], ["release: {policy: {checks-not-green: warn}}"]);
  seed = join(family.root, "seeds", "greeter");
  await tagged(seed, "v1.0.0", "v2.0.0", "v2.1.0");
  await tagged(join(family.root, "seeds", "driver"), "v1.0.0");
  await family.start();
});
afterAll(() => family.remove());

const json = async (...args: string[]) => {
  const ended = await family.fairlead(...args, "--json");
  const answer = JSON.parse(ended.stdout);
  return { code: ended.code, answer };
};

async function pushTag(tag: string) {
  const clone = await family.clone("greeter", `greeter-${tag.replaceAll("/", "-")}`);
  await family.git(clone, "tag", tag, "origin/main");
  return await family.git(clone, "push", "origin", tag);
}

describe("a tag that nobody meant", () => {
  it("of the wrong major is held, with what was probably meant", async () => {
    const pushed = await pushTag("v1.2.0");
    expect(pushed.stderr).toContain("Quarantined: nothing is built from v1.2.0");
    expect(pushed.stderr).toContain("the last release is v2.1.0; did you mean v2.2.0?");
    expect(pushed.stderr).toContain("fairlead approve greeter@v1.2.0 --reason TEXT");
    const { items } = await family.api<{ items: ReleaseRow[] }>("/releases?component=greeter");
    expect(items).toMatchObject([{ version: "v1.2.0", state: "quarantined" }]);
  });

  it("of a Go module in a folder is no release", async () => {
    expect((await pushTag("client/v9.0.0")).code).toBe(0);
    const { items } = await family.api<{ items: ReleaseRow[] }>("/releases?component=greeter");
    expect(items.map((each) => each.version)).not.toContain("client/v9.0.0");
    const why = await family.fairlead("why", "greeter");
    expect(why.stdout).toContain("client/v9.0.0 is the tag of the Go module in client");
  });

  it.each(["v2.02.0", `v2.${"9".repeat(30)}.0`, "v2.2.0+build", "2.2.0"])("called %s is no version", async (tag) => {
    const pushed = await pushTag(tag);
    expect(pushed.stderr).toContain("is no version: tags are vX.Y.Z or vX.Y.Z-rcN");
    expect(pushed.stderr).toContain("Nobody can approve this");
  });
});

describe("the next version", () => {
  it("is listed with its verdict and its reason", async () => {
    const { answer } = await json("release", "greeter");
    expect(answer.items).toEqual([]);
    const { answer: preflight } = await json("preflight", "greeter", "v2.2.0");
    expect(preflight).toMatchObject({ component: "greeter", version: "v2.2.0", verdict: "refuse" });
    expect(preflight.findings).toContainEqual(expect.objectContaining({ rule: "same-commit", severity: "refuse" }));
    expect(preflight.unchecked).toContainEqual({
      rule: "exists-in-registry",
      reason: "registries are asked when nothing else refuses",
    });
  });

  it("of a deployment rises with its pins, once they are updated", async () => {
    const listed = await json("pins");
    expect(listed.answer.items).toEqual([
      {
        deployment: "driver",
        file: "deploy/app.yaml",
        line: 3,
        component: "greeter",
        image: "r.example/greeter",
        pinned: "v1.0.0",
        newest: "v2.1.0",
        behindReleases: 2,
        behindDays: 0,
        withdrawn: null,
      },
      expect.objectContaining({ component: "driver", pinned: "v1.0.0", behindReleases: 0 }),
    ]);
    const updated = await json("pins", "--update");
    expect(updated.answer).toMatchObject({
      deployment: "driver",
      change: 1,
      proposed: { version: "v2.0.0", reason: "greeter v1.0.0 → v2.1.0 is a major" },
      kept: [],
    });
    const clone = await family.clone("driver");
    await family.git(clone, "fetch", "-q", "origin", "refs/pull/1/head");
    const shown = await family.git(clone, "show", "FETCH_HEAD:deploy/app.yaml");
    expect(shown.stdout).toBe(manifest("v2.1.0", "v2.0.0"));
    const changed = await family.git(clone, "diff", "--stat", "origin/main", "FETCH_HEAD");
    expect(changed.stdout).toContain("1 file changed, 2 insertions(+), 2 deletions(-)");
    // Asked again it renews what is open, or says that nothing is new.
    const again = await json("pins", "--update", "--component", "greeter");
    expect(again.answer.change ?? 1).toBe(1);
    expect((await json("changes")).answer.items).toHaveLength(1);
    const nothing = await json("pins", "--update", "--below", "elsewhere");
    expect(nothing.answer).toMatchObject({ edits: [] });
  });
});

describe("replay", () => {
  it("of a component, of a folder and of nothing", async () => {
    const { answer } = await json("replay", "greeter");
    expect(answer).toMatchObject({ refused: expect.any(Array), byRule: expect.any(Object) });
    expect(answer.unchecked).toContain("checks-not-green");
    const plain = await json("replay", seed);
    expect(plain.answer).toMatchObject({ repository: seed, tags: 3, releases: 3, refused: [], warned: [] });
    const missing = await family.fairlead("replay", "greter");
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("there is no component greter, and no such folder");
  });

  it("compares two policies, and says where one is wrong", async () => {
    const strict = join(family.root, "strict.yaml");
    await writeFile(strict, "outside-branches: warn\nbump-strict: refuse\nthresholds: {shared-behind: 2}\n");
    const { answer } = await json("replay", "greeter", "--compare", strict);
    expect(answer.compare).toMatchObject({ with: strict, differences: expect.any(Array) });
    await writeFile(strict, "not-semver: warn\nbumb-strict: refuse\n");
    const wrong = await family.fairlead("replay", "greeter", "--policy", strict);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("strict.yaml:1:13: not-semver always refuses; nobody may override it");
  });
});
