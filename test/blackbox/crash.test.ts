import { rename, rm } from "node:fs/promises";
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

/** Two images, so that a release has five journal entries: verifying, each image's bytes, the proof, the tags. */
const twoImages = {
  ...greeter,
  files: { ...greeter.files, ".fairlead.yaml": `${greeter.files[".fairlead.yaml"]}  - name: second\n` },
  settings: ["images: [greeter, second]"],
};

beforeEach(async () => {
  family = await serveFamily([twoImages]);
  await family.start();
  const clone = await family.clone("greeter");
  const { number } = await proposeAndWait(family, clone, "greeter", { "a.txt": "a" });
  await mergeAndWait(family, "greeter", number);
  await family.git(clone, "fetch", "-q", "origin");
  await family.stop();
});
afterEach(() => family.remove());

async function release(): Promise<ReleaseRow | undefined> {
  const { items } = await family.api<{ items: ReleaseRow[] }>("/releases");
  expect(items.length).toBeLessThanOrEqual(1);
  return items[0];
}

async function published(): Promise<ReleaseRow> {
  return await family.until("the release to rest", async () => {
    const row = await release();
    return row && ["published", "failed", "quarantined", "closed", "withdrawn"].includes(row.state) ? row : undefined;
  });
}

async function pushTag(): Promise<void> {
  const clone = await family.clone("greeter", "tagger");
  await family.git(clone, "tag", "-m", "v1.0.0", "v1.0.0", "origin/main");
  await family.git(clone, "push", "-q", "origin", "v1.0.0");
}

/** What the registry says the tag means, of each image. */
async function digestsInRegistry(): Promise<readonly (string | null)[]> {
  const headers = { authorization: `Bearer ${await family.token()}` };
  const answers = ["greeter", "second"].map((image) =>
    fetch(`${family.url()}/v2/fam/${image}/manifests/v1.0.0`, { headers }),
  );
  return (await Promise.all(answers)).map((answer) => answer.headers.get("docker-content-digest"));
}

function recordedDigests(row: ReleaseRow): readonly (string | null | undefined)[] {
  return ["greeter", "second"].map((name) => row.images.find((image) => image.name === name)?.digest);
}

const points = [1, 2, 3, 4, 5].flatMap((entry) =>
  ["before", "written", "effect"].map((moment) => `${entry}:${moment}`),
);

describe("a release whose server is killed with SIGKILL", () => {
  it.each(points)("at journal entry %s is published once, with the digest that was recorded", async (point) => {
    await family.start({ FAIRLEAD_CRASH_AT: point });
    await pushTag();
    await family.ended();
    await family.start();
    const row = await published();
    expect(row.state).toBe("published");
    const { items: runs } = await family.api<{ items: RunRow[] }>("/runs?component=greeter");
    expect(runs.filter((run) => run.refs.base_ref === "v1.0.0").every((run) => run.state === "success")).toBe(true);
    expect(await digestsInRegistry()).toEqual(recordedDigests(row));
    for (const image of ["greeter", "second"]) {
      const verified = await family.fairlead("verify", `${new URL(family.url()).host}/fam/${image}:v1.0.0`);
      expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining("verified")]);
    }
  });

  it("while it builds runs again under a new build id, and is published once", async () => {
    await family.start();
    const slow = await family.clone("greeter", "slow");
    const script = `${greeter.files["build.sh"]}[ "$PULL_BASE_REF" != v1.0.0 ] || sleep 3\n`;
    const { number } = await proposeAndWait(family, slow, "greeter", { "build.sh": script });
    await mergeAndWait(family, "greeter", number);
    await pushTag();
    await family.until("the build to begin", async () => {
      const { items } = await family.api<{ items: RunRow[] }>("/runs?component=greeter&state=pending");
      return items[0];
    });
    await family.kill();
    await family.start();
    const row = await published();
    expect(row.state).toBe("published");
    expect(await digestsInRegistry()).toEqual(recordedDigests(row));
    const { items } = await family.api<{ items: RunRow[] }>("/runs?component=greeter");
    const builds = items.filter((run) => run.refs.base_ref === "v1.0.0");
    expect(builds).toHaveLength(1);
    const whole = await family.api<{ attempts: unknown[] }>(`/runs/${builds[0]?.id}`);
    expect(whole.attempts).toHaveLength(2);
  });

  it("while it is quarantined stays so, and is approved and published once", async () => {
    await family.start();
    const clone = await family.clone("greeter", "quarantined");
    await family.git(clone, "tag", "-m", "v1.0.0", "v1.0.0", "HEAD~1");
    await family.git(clone, "push", "-q", "origin", "v1.0.0");
    const held = async () => {
      const row = await published();
      expect(row).toMatchObject({ id: "greeter@v1.0.0", state: "quarantined" });
    };
    await held();
    await family.kill();
    await family.start({ FAIRLEAD_CRASH_AT: "1:written" });
    await held();
    // The server may die before it answers; what counts is what it kept.
    await family.fairlead("approve", "greeter@v1.0.0", "--reason", "it is meant");
    await family.ended();
    await family.start();
    const row = await family.until("the release", async () => {
      const now = await release();
      return now?.state === "published" ? now : undefined;
    });
    expect(await digestsInRegistry()).toEqual(recordedDigests(row));
  });

  it.each(["1:before", "1:written", "1:effect"])(
    "when it is withdrawn, at journal entry %s, is withdrawn once and said to be at its registry",
    async (point) => {
      await family.start();
      await pushTag();
      await published();
      await family.stop();
      await family.start({ FAIRLEAD_CRASH_AT: point });
      await family.fairlead("withdraw", "greeter@v1.0.0", "--reason", "loses data");
      await family.ended();
      await family.start();
      if ((await release())?.state !== "withdrawn")
        expect((await family.fairlead("withdraw", "greeter@v1.0.0", "--reason", "loses data")).code).toBe(0);
      const verified = await family.until("what is said beside the image", async () => {
        const answer = await family.fairlead("verify", `${new URL(family.url()).host}/fam/second:v1.0.0`);
        return answer.stdout.includes("was withdrawn") ? answer : undefined;
      });
      expect(verified.code).toBe(1);
      expect((await release())?.state).toBe("withdrawn");
    },
  );

  it("and whose backup is restored rebuilds nothing and still refuses to move the tag", async () => {
    await family.start();
    await pushTag();
    const row = await published();
    const backup = `${family.root}/backup.tgz`;
    expect((await family.fairlead("backup", backup)).code).toBe(0);
    await family.stop();
    const over = await family.fairlead("restore", backup);
    expect([over.code, over.stderr]).toEqual([1, expect.stringContaining("is not empty")]);
    await rename(family.home, `${family.home}.old`);
    expect((await family.fairlead("restore", backup)).code).toBe(0);
    await family.start();
    const after = await published();
    expect(after).toMatchObject({ id: row.id, state: "published" });
    expect(await digestsInRegistry()).toEqual(recordedDigests(row));
    const clone = await family.clone("greeter", "after");
    await family.git(clone, "tag", "-f", "-m", "moved", "v1.0.0", "HEAD~1");
    expect((await family.git(clone, "push", "--force", "origin", "v1.0.0")).code).not.toBe(0);
    await rm(`${family.home}.old`, { recursive: true });
  });
});
