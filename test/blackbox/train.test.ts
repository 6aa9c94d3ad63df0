import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  greeter,
  mergeAndWait,
  proposeAndWait,
  type ReleaseRow,
  type Seed,
  type ServedFamily,
  serveFamily,
} from "../fixtures/served-family.ts";

interface Item {
  readonly component: string;
  readonly version: string;
  readonly state: string;
  readonly after: readonly string[];
  readonly command: string;
  readonly blockers: readonly { readonly what: string }[];
}
interface Plan {
  readonly items: readonly Item[];
  readonly rest: readonly { readonly component: string; readonly reason: string }[];
}
interface Train {
  readonly id: string;
  readonly state: string;
  readonly stops: readonly {
    readonly component: string;
    readonly version: string;
    readonly state: string;
    readonly reason: string;
    readonly release: string | null;
    readonly change: number | null;
  }[];
}

const manifest = (greeted: string, waved: string, own: string) =>
  `images:\n  - image: r.example/greeter:${greeted}\n  - image: r.example/waver:${waved}\n  - image: r.example/driver:${own}\n`;
/** A component whose release is built red when its tree says so: branches stay green. */
const image = (name: string): Seed => ({
  name,
  files: {
    ".fairlead.yaml": `build: sh build.sh\ntest: sh test.sh\nimages:\n  - name: ${name}\n`,
    "build.sh": `mkdir -p bin && echo "${name} $PULL_BASE_REF" > bin/${name} && chmod 755 bin/${name}\n`,
    "test.sh": 'case "$PULL_BASE_REF" in v*) test ! -e breaks-releases;; esac\n',
    Dockerfile: `FROM scratch\nCOPY bin/${name} /${name}\nENTRYPOINT ["/${name}"]\n`,
  },
  settings: [`images: [${name}]`],
});
const driver: Seed = {
  ...image("driver"),
  files: {
    ...image("driver").files,
    ".fairlead.yaml": "build: sh build.sh\ntest: 'true'\nimages:\n  - name: driver\npins: ['deploy/*.yaml']\n",
    "deploy/app.yaml": manifest("v1.0.0", "v1.0.0", "v1.0.0"),
  },
  settings: ["images: [driver]", "kind: deployment", "deployed: false"],
};
const library: Seed = { name: "library", files: { ".fairlead.yaml": "test: 'true'\n" } };

let family: ServedFamily;
const trainOf = async (id: string) => await family.api<Train>(`/trains/${id}`);
const plan = async () => await family.api<Plan>("/train");
const itemOf = async (component: string) => (await plan()).items.find((item) => item.component === component);

beforeAll(async () => {
  family = await serveFamily([
    driver,
    { ...image("greeter"), settings: greeter.settings ?? [] },
    image("waver"),
    library,
  ]);
  for (const name of ["driver", "greeter", "waver", "library"])
    await family.git(join(family.root, "seeds", name), "tag", "v1.0.0");
  await family.start();
});
afterAll(() => family.remove());

async function change(component: string, files: Readonly<Record<string, string>>): Promise<string> {
  const clone = await family.clone(component, `${component}-${Object.keys(files).join("-")}`);
  const { number } = await proposeAndWait(family, clone, component, files);
  return await mergeAndWait(family, component, number);
}

async function release(id: string, state: string): Promise<ReleaseRow> {
  return await family.until(`${id} ${state}`, async () => {
    const row = await family.api<ReleaseRow>(`/releases/${encodeURIComponent(id)}`);
    return row.state === state ? row : undefined;
  });
}

describe("fairlead train", () => {
  it("has nothing to say of a family without a new commit", async () => {
    const { items, rest } = await plan();
    expect(items).toEqual([]);
    expect(rest.map((each) => [each.component, each.reason])).toContainEqual(["greeter", "nothing came since v1.0.0"]);
    const told = await family.fairlead("train");
    expect(told.stdout).toContain("no component needs a release");
  });

  it("tells what needs a release, in order, with the version, what blocks it and who acts", async () => {
    await change("greeter", { "a.txt": "a\n" });
    await change("waver", { "a.txt": "a\n" });
    await change("library", { "a.txt": "a\n" });
    const { items } = await plan();
    expect(items.map((item) => [item.component, item.version, item.state])).toEqual([
      ["greeter", "v1.1.0", "ready"],
      ["waver", "v1.1.0", "ready"],
      ["library", "v1.1.0", "ready"],
      ["driver", "v1.1.0", "waits"],
    ]);
    expect(items.at(-1)).toMatchObject({
      why: "pins change: greeter v1.0.0 → v1.1.0, waver v1.0.0 → v1.1.0; v1.1.0: greeter v1.0.0 → v1.1.0 is a minor",
      after: ["greeter@v1.1.0", "waver@v1.1.0"],
    });
  });

  it("proposes the version that a freeze prepares, and waits for the changes that are marked for it", async () => {
    const clone = await family.clone("library", "library-marked");
    const { number } = await proposeAndWait(family, clone, "library", { "b.txt": "b\n" });
    await family.fairlead("freeze", "library", "main", "--for", "v2.0.0");
    await family.fairlead("mark", "library", String(number), "--for", "v2.0.0");
    expect(await itemOf("library")).toMatchObject({
      version: "v2.0.0",
      state: "blocked",
      command: `fairlead merge library ${number}`,
    });
    await mergeAndWait(family, "library", number);
    expect(await itemOf("library")).toMatchObject({ version: "v2.0.0", state: "ready", blockers: [] });
    await family.fairlead("thaw", "library", "main", "--reason", "it was only tried");
    expect(await itemOf("library")).toMatchObject({ version: "v1.1.0" });
  });

  it("does not count a tag that is held", async () => {
    const clone = await family.clone("library", "library-held");
    await family.git(clone, "tag", "v1.9.0", "origin/main");
    await family.git(clone, "push", "origin", "v1.9.0");
    expect(await itemOf("library")).toMatchObject({ version: "v1.1.0", state: "ready" });
    const withdrawn = await family.fairlead("withdraw", "library@v1.9.0", "--reason", "a typing mistake");
    expect(withdrawn.stdout).toContain("withdrawn by admin before anything was published: a typing mistake");
    const tags = await family.git(clone, "ls-remote", "--tags", "origin");
    expect(tags.stdout).not.toContain("v1.9.0");
  });
});

describe("fairlead release --train", () => {
  const file = () => join(family.root, "train.yaml");

  it("refuses a file that is wrong, with its place, and does nothing unasked", async () => {
    await writeFile(file(), "releases:\n  - component: greeter\n    version: v1.1\n");
    const wrong = await family.fairlead("release", "--train", file());
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('train.yaml:3:14: releases.0.version: "v1.1": did you mean v1.1.0?');
    await writeFile(
      file(),
      "releases:\n  - {component: greeter, version: v1.1.0}\n  - {component: greter, version: v1.1.0}\n",
    );
    const stranger = await family.fairlead("release", "--train", file(), "--yes");
    expect(stranger.stderr).toContain("train.yaml:3:5: there is no component greter");
    await writeFile(
      file(),
      "releases:\n  - {component: greeter, version: v1.1.0, after: [waver]}\n  - {component: waver, version: v1.1.0, after: [greeter]}\n",
    );
    const circle = await family.fairlead("release", "--train", file(), "--yes");
    expect(circle.stderr).toContain("greeter@v1.1.0 and waver@v1.1.0 wait for each other");
    expect((await family.fairlead("train", "--output", file())).stdout).toContain(
      `Next: fairlead release --train ${file()}`,
    );
    const asked = await family.fairlead("release", "--train", file());
    expect(asked.code).toBe(1);
    expect(asked.stdout).toContain("Nothing was tagged.");
    expect((await family.api<{ items: readonly unknown[] }>("/releases?component=greeter")).items).toEqual([]);
  });

  it("releases in order, survives kill -9, and waits for the person who merges the pins", async () => {
    const text = await readFile(file(), "utf8");
    expect(text).toContain("after: [greeter, waver]");
    // Without its own deployment's version in it, `driver` takes the head that has its pins.
    const started = await family.api<{ id: string; started: boolean }>("/trains", {
      method: "POST",
      body: JSON.stringify({
        releases: [
          { component: "greeter", version: "v1.1.0" },
          { component: "waver", version: "v1.1.0" },
          { component: "driver", version: "v1.1.0" },
        ],
      }),
    });
    expect(started).toEqual({ id: "t1", started: true });
    await family.kill();
    await family.start();
    const again = await family.api<{ id: string }>("/trains", {
      method: "POST",
      body: JSON.stringify({
        releases: [
          { component: "greeter", version: "v1.1.0" },
          { component: "waver", version: "v1.1.0" },
          { component: "driver", version: "v1.1.0" },
        ],
      }),
    });
    expect(again).toEqual({ id: "t1", started: false });
    const pinned = await family.until("the change of the pins", async () => {
      const stop = (await trainOf("t1")).stops.find((each) => each.component === "driver");
      return stop?.change === null ? undefined : stop;
    });
    expect(pinned).toMatchObject({ state: "pins", reason: "change 1 updates its pins: fairlead merge driver 1" });
    await family.kill();
    await family.start();
    await family.until("the checks of the change", async () => {
      const shown = await family.api<{ blockers: readonly string[] }>("/changes/driver/1");
      return shown.blockers.length === 0 ? true : undefined;
    });
    expect((await family.fairlead("merge", "driver", "1")).code).toBe(0);
    const followed = await family.fairlead("train", "t1", "-f");
    expect(followed.code).toBe(0);
    expect(followed.stdout).toContain("train t1 ended: 3 published");
    for (const name of ["greeter", "waver", "driver"]) {
      const { items } = await family.api<{ items: readonly ReleaseRow[] }>(`/releases?component=${name}`);
      expect(items.map((row) => row.state)).toEqual(["published"]);
    }
    expect((await plan()).items.map((item) => item.component)).toEqual(["library"]);
  });

  it("holds back only those that pin what failed", async () => {
    await change("greeter", { "breaks-releases": "yes\n" });
    await change("waver", { "b.txt": "b\n" });
    await family.fairlead("train", "--output", file());
    const done = await family.fairlead("release", "--train", file(), "--yes");
    expect(done.code).toBe(1);
    const { stops } = await trainOf("t2");
    expect(stops.map((stop) => [stop.component, stop.version, stop.state])).toEqual([
      ["greeter", "v1.2.0", "failed"],
      ["waver", "v1.2.0", "published"],
      ["library", "v1.1.0", "published"],
      ["driver", "v1.2.0", "held"],
    ]);
    expect(stops.at(-1)?.reason).toBe("greeter@v1.2.0, which it pins, failed");
    await release("waver@v1.2.0", "published");
    expect(await itemOf("greeter")).toMatchObject({ state: "blocked", command: "fairlead why greeter@v1.2.0" });
    const page = await (await fetch(`${family.url()}/train`)).text();
    expect(page).toContain("held back");
  });
});
