import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bumpedTag, isFinalTag, sortedVersions } from "../../src/family/index.ts";
import { alterations } from "./altered.ts";
import { lackingPrograms, type RealFamily, serveRealFamily } from "./real-family.ts";
import { eightComponents, lacking, type RealComponent } from "./repositories.ts";
import { canaries, greenChange, land, propose, release, runsOfChange, workingCopy } from "./walk.ts";

/** FAIRLEAD_REAL_COMPONENTS=a,b takes some of them only; csi-release-tools comes along, since others copy it. */
const chosen = process.env["FAIRLEAD_REAL_COMPONENTS"]?.split(",") ?? eightComponents;
const components = eightComponents.filter((each) => each === "csi-release-tools" || chosen.includes(each));
const why = lacking(components) ?? lackingPrograms();
const here = "linux amd64 amd64";

/** Images of each; node-driver-registrar alone is built for all platforms of release-tools. */
const images: Partial<Record<RealComponent, readonly string[]>> = {
  "cluster-driver-registrar": ["csi-cluster-driver-registrar"],
  "node-driver-registrar": ["csi-node-driver-registrar"],
  "external-attacher": ["csi-attacher"],
  "external-provisioner": ["csi-provisioner"],
  "external-snapshotter": ["csi-snapshotter", "snapshot-controller", "snapshot-conversion-webhook"],
  "csi-driver-host-path": ["hostpathplugin"],
};
const allPlatforms = [
  ...["linux/amd64", "linux/arm", "linux/arm/v7", "linux/arm64", "linux/ppc64le", "linux/s390x"],
  ...["windows/amd64", "windows/amd64"],
];

describe.skipIf(why)(`the eight components${why ? ` (skipped: ${why})` : ""}`, () => {
  let family: RealFamily;
  beforeAll(async () => {
    family = await serveRealFamily({
      components,
      platforms: { "csi-lib-utils": here, "csi-driver-host-path": here },
      // No Go modules in 2019: its tree stands where GOPATH expects it.
      settings: {
        "cluster-driver-registrar": { jobs: { env: { GO111MODULE: "off" }, timeout: "2h" } },
      },
    });
  });
  afterAll(async () => {
    await family?.remove();
  });

  it("are taken in: histories and tags adopted, nothing of them built", async () => {
    const { items } = await family.api<{ items: unknown[] }>("/releases?limit=500");
    expect(items.filter((row) => Reflect.get(Object(row), "state") === "building")).toEqual([]);
    const status = await family.fairlead("status", "--json");
    expect(status.code, status.stderr).toBe(0);
    const told: { items: { component: string }[] } = JSON.parse(status.stdout);
    expect(told.items.map((row) => row.component).sort()).toEqual([...components].sort());
  });

  it("csi-release-tools is tested and merged, and never tagged", async () => {
    const copy = await workingCopy(family, "csi-release-tools");
    await copy.on("master");
    // Its own .prow.sh starts containers and fetches from GitHub; that its scripts can be read is seen without.
    await copy.write({ ".fairlead.yaml": 'test: for script in *.sh; do bash -n "$script"; done\n' });
    const { number } = await propose(family, copy, { branch: "master" }, "Read every script");
    await greenChange(family, "csi-release-tools", number);
    await land(family, "csi-release-tools", number);
    const refused = await family.fairlead("release", "csi-release-tools", "v1.0.0", "--yes");
    expect(refused.code).toBe(1);
    expect(refused.stderr + refused.stdout).toContain("internal");
    await copy.on("master");
    await family.git(copy.folder, "tag", "v1.0.0");
    const pushed = await family.git(copy.folder, "push", "origin", "v1.0.0");
    expect(pushed.stderr).toContain("internal-component");
    expect(pushed.stderr).toContain("Nobody can approve this");
    expect(await canaries(family, "csi-release-tools")).toEqual([]);
  });

  it.skipIf(!components.includes("cluster-driver-registrar"))(
    "cluster-driver-registrar has no .prow.sh: it fails with what to write, then it works",
    async () => {
      const component = "cluster-driver-registrar";
      const copy = await workingCopy(family, component);
      await copy.on("master");
      const { number } = await propose(family, copy, { branch: "master" }, "Try it as it is");
      const [failed] = await runsOfChange(family, component, number);
      expect(failed?.state).not.toBe("success");
      expect(failed?.description).toContain("there is nothing to run");
      const log = await family.fairlead("logs", failed?.id ?? "");
      expect(log.stdout).toContain("add a .fairlead.yaml with `test: make test`");
      await copy.write({
        ".fairlead.yaml":
          "build: make all\ntest: make test\nimages:\n  - {name: csi-cluster-driver-registrar, platforms: [linux/amd64]}\n",
      });
      await propose(family, copy, { change: number }, "Say how it is tested");
      await greenChange(family, component, number);
      await land(family, component, number);
      await releaseTwice(family, component, "v1.1.0");
    },
  );

  const plain = components.filter((each) => !["csi-release-tools", "cluster-driver-registrar"].includes(each));
  it.each(plain)("%s: changed, tested, merged, canary, candidate, final", async (component) => {
    const copy = await workingCopy(family, component);
    await copy.on("master");
    const tags = (await family.git(copy.folder, "tag")).stdout.split("\n");
    const last = sortedVersions(tags.filter((tag) => isFinalTag(tag)))[0];
    if (!last) throw new Error(`${component} has no release`);
    const next = bumpedTag(last, "minor");
    const line = next.slice(1).replace(/\.\d+$/, "");
    await copy.write({ [`CHANGELOG/CHANGELOG-${line}.md`]: `# Release notes for ${next}\n\nNothing but a try.\n` });
    await alterations[component]?.(copy);
    const { number } = await propose(family, copy, { branch: "master" }, `Prepare ${next}`);
    await greenChange(family, component, number);
    await land(family, component, number);
    await releaseTwice(family, component, next);
  });

  async function releaseTwice(served: RealFamily, component: RealComponent, version: string): Promise<void> {
    const expected = images[component] ?? [];
    const canary = await canaries(served, component);
    expect([...new Set(canary.map((each) => each.image.split("/").at(-1)))].sort()).toEqual([...expected]);
    for (const tag of [`${version}-rc1`, version]) {
      const done = await release(served, component, tag);
      expect(done.code, done.said).toBe(0);
      expect(done.state).toBe("published");
      expect(done.images.map((each) => each.name).sort()).toEqual([...expected]);
      for (const image of done.images) {
        expect(image.digest).toMatch(/^sha256:/);
        if (component === "node-driver-registrar") expect(JSON.stringify(image.platforms)).toContain("s390x");
      }
    }
    if (component === "node-driver-registrar") {
      const { items } = await served.api<{ items: { version: string; images: { platforms: unknown }[] }[] }>(
        `/releases?component=${component}`,
      );
      const platforms = items.find((each) => each.version === version)?.images[0]?.platforms;
      expect(Array.isArray(platforms) ? platforms.length : platforms).toBe(allPlatforms.length);
    }
  }
});
