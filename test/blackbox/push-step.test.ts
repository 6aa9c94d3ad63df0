import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { programPath } from "../fixtures/programs.ts";
import {
  mergeAndWait,
  proposeAndWait,
  type ReleaseRow,
  type RunRow,
  type Seed,
  type ServedFamily,
  serveFamily,
} from "../fixtures/served-family.ts";

const skopeo = programPath("skopeo");
const bwrap = programPath("bwrap");

/** An image of one script, as a layout, and a script that finds what to push as kubernetes-csi's build.make does. */
const build = [
  "set -e",
  'put() { sum=$(printf %s "$1" | sha256sum | cut -d\' \' -f1); mkdir -p out/blobs/sha256; printf %s "$1" > out/blobs/sha256/$sum; }',
  "mkdir -p tree out/blobs/sha256; echo echo hello > tree/hello; chmod 755 tree/hello",
  "tar -C tree --mtime=@0 --owner=0 --group=0 -cf layer.tar hello; layer=$(sha256sum layer.tar | cut -d' ' -f1)",
  "cp layer.tar out/blobs/sha256/$layer; layersize=$(stat -c %s layer.tar)",
  'put "{\\"architecture\\":\\"amd64\\",\\"os\\":\\"linux\\",\\"config\\":{\\"Entrypoint\\":[\\"/hello\\"]},\\"rootfs\\":{\\"type\\":\\"layers\\",\\"diff_ids\\":[\\"sha256:$layer\\"]}}"',
  "config=$sum",
  "size=$(stat -c %s out/blobs/sha256/$config)",
  'put "{\\"schemaVersion\\":2,\\"mediaType\\":\\"application/vnd.oci.image.manifest.v1+json\\",\\"config\\":{\\"mediaType\\":\\"application/vnd.oci.image.config.v1+json\\",\\"digest\\":\\"sha256:$config\\",\\"size\\":$size},\\"layers\\":[{\\"mediaType\\":\\"application/vnd.oci.image.layer.v1.tar\\",\\"digest\\":\\"sha256:$layer\\",\\"size\\":$layersize}]}"',
  "size=$(stat -c %s out/blobs/sha256/$sum)",
  'printf %s "{\\"schemaVersion\\":2,\\"manifests\\":[{\\"mediaType\\":\\"application/vnd.oci.image.manifest.v1+json\\",\\"digest\\":\\"sha256:$sum\\",\\"size\\":$size}]}" > out/index.json',
  'echo \'{"imageLayoutVersion":"1.0.0"}\' > out/oci-layout',
].join("\n");

const push = [
  "set -e",
  "tags=\"$(git branch -r --points-at=HEAD | grep 'origin/main' | sed -e 's;.*/;;' -e 's/main/canary/' || true) $(git tag --points-at HEAD)\"",
  "for tag in $tags; do",
  "  image=$REGISTRY_NAME/greeter:$tag",
  '  if skopeo inspect docker://$image 2>&1 | tee /dev/stderr | grep -q "manifest for $image not found"; then',
  "    skopeo copy -q oci:out docker://$image",
  "  fi",
  "  skopeo inspect docker://$image > /dev/null",
  '  skopeo list-tags docker://$REGISTRY_NAME/greeter | grep -q "$tag"',
  "done",
  // What a run must not reach: another component's image, names of others, the rest of the server.
  "if skopeo copy -q oci:out docker://$REGISTRY_NAME/other:canary; then echo FOREIGN; exit 1; fi",
  "if skopeo copy -q oci:out docker://${REGISTRY_NAME%%/*}/fam/greeter:trial; then echo OUTSIDE; exit 1; fi",
  "if skopeo inspect docker://${REGISTRY_NAME%%/*}/fam/greeter:canary; then echo READ; exit 1; fi",
  "curl -s -o /dev/null -w 'api answered %{http_code}\\n' http://${REGISTRY_NAME%%/*}/api/v1/runs",
].join("\n");

const pusher: Seed = {
  name: "greeter",
  files: {
    ".fairlead.yaml": "build: sh build.sh\ntest: test -s out/index.json\npush: sh push.sh\n",
    "build.sh": `${build}\n`,
    "push.sh": `${push}\n`,
  },
  settings: ["images: [greeter]"],
};

/** Leaves what it made instead of pushing it: as a folder, and under another name as an archive. */
const leaver: Seed = {
  name: "leaver",
  files: {
    ".fairlead.yaml": "build: sh build.sh && sh leave.sh\n",
    "build.sh": `${build}\n`,
    "leave.sh": [
      "mkdir -p $ARTIFACTS/images; cp -r out $ARTIFACTS/images/left-folder",
      "tar -C out -cf $ARTIFACTS/images/left-archive.tar .",
      "",
    ].join("\n"),
  },
  settings: ["images: [left-folder, left-archive]"],
};

describe.skipIf(!skopeo || !bwrap)("a `push` script (skipped without skopeo and bubblewrap)", () => {
  let family: ServedFamily;
  let folder: string;
  beforeAll(async () => {
    const other: Seed = { name: "other", files: { "README.md": "other\n" }, settings: ["images: [other]"] };
    family = await serveFamily([pusher, other, leaver]);
    await family.start();
    folder = await family.clone("greeter");
  });
  afterAll(async () => await family.remove());

  const logOf = async (run: RunRow) => await (await fetch(`${family.url()}/api/v1/runs/${run.id}/log`)).text();
  const runsOf = async () => (await family.api<{ items: RunRow[] }>("/runs?component=greeter")).items;
  const postsubmitOf = async (commit: string) => {
    const run = (await runsOf()).find((row) => row.type === "postsubmit" && row.refs.base_sha === commit);
    if (!run) throw new Error("no run");
    return run;
  };
  const manifest = (reference: string) =>
    fetch(`${family.url()}/v2/fam/greeter/manifests/${reference}`, {
      headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
    });

  it("pushes to the run's own names, and what it pushed becomes the canary", async () => {
    const { number, run: tested } = await proposeAndWait(family, folder, "greeter", { a: "a" });
    expect([tested.state, tested.description]).toEqual(["success", "succeeded"]);
    const commit = await mergeAndWait(family, "greeter", number);
    const run = await postsubmitOf(commit);
    const log = await logOf(run);
    expect(log).toContain("image greeter was pushed as canary and is kept as sha256:");
    expect([run.state, log.match(/FOREIGN|OUTSIDE|READ/)]).toEqual(["success", null]);
    expect(log).toContain("the image name other does not belong to greeter: it is other's");
    expect(log).toContain("api answered 404");
    const canary = await family.until("the canary", async () => {
      const answer = await manifest("canary");
      return answer.status === 200 ? answer : undefined;
    });
    const document: { config: { digest: string } } = JSON.parse(await canary.text());
    const config = await (await fetch(`${family.url()}/v2/fam/greeter/blobs/${document.config.digest}`)).json();
    expect(config).toMatchObject({
      config: {
        Entrypoint: ["/hello"],
        Labels: { "org.opencontainers.image.revision": commit, "org.opencontainers.image.version": "canary" },
      },
    });
    const history = await family.api<{ items: { commit: string; run: string; current: boolean }[] }>(
      "/components/greeter/canaries?tag=canary",
    );
    expect(history.items).toEqual([expect.objectContaining({ commit, run: run.id, current: true })]);
    const staged = await fetch(`${family.url()}/v2/staging/${run.id}/greeter/tags/list`, {
      headers: { authorization: `Bearer ${await family.token()}` },
    });
    expect([staged.status, await staged.text()]).toEqual([403, expect.stringContaining("belong to a run")]);
  });

  it("releases what it pushed for a tag", async () => {
    await family.git(folder, "fetch", "-q", "origin");
    await family.git(folder, "tag", "-m", "v1.0.0", "v1.0.0", "origin/main");
    const pushed = await family.git(folder, "push", "-q", "origin", "v1.0.0");
    expect(pushed.code).toBe(0);
    const release = await family.until("the release", async () => {
      const { items } = await family.api<{ items: ReleaseRow[] }>("/releases");
      return items.find((each) => each.state === "published" || each.state === "failed");
    });
    expect([release.state, release.reason.includes("fail")]).toEqual(["published", false]);
    const answer = await manifest("v1.0.0");
    expect([answer.status, answer.headers.get("docker-content-digest")]).toEqual([200, release.images[0]?.digest]);
  });

  it("fails the run when it pushed nothing", async () => {
    const { number } = await proposeAndWait(family, folder, "greeter", { "push.sh": "true\n" });
    const run = await postsubmitOf(await mergeAndWait(family, "greeter", number));
    expect([run.state, run.description]).toEqual(["failure", "`push` pushed nothing"]);
    expect(await logOf(run)).toContain("push to $REGISTRY_NAME/<image>:<tag>");
  });

  it("may leave its images under artifacts instead, as a layout or as an archive", async () => {
    const clone = await family.clone("leaver");
    const { number, run: tested } = await proposeAndWait(family, clone, "leaver", { a: "a" });
    expect([tested.state, tested.description]).toEqual(["success", "succeeded"]);
    const log = await logOf(tested);
    for (const name of ["left-folder", "left-archive"])
      expect(log).toContain(`image ${name} was left under artifacts and is kept as sha256:`);
    const commit = await mergeAndWait(family, "leaver", number);
    const canary = await family.until("the canary", async () => {
      const answer = await fetch(`${family.url()}/v2/fam/left-archive/manifests/canary`, {
        headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
      });
      return answer.status === 200 ? answer : undefined;
    });
    const document: { config: { digest: string } } = JSON.parse(await canary.text());
    const config = await (await fetch(`${family.url()}/v2/fam/left-archive/blobs/${document.config.digest}`)).json();
    expect(config).toMatchObject({ config: { Labels: { "org.opencontainers.image.revision": commit } } });
    const { number: second } = await proposeAndWait(family, clone, "leaver", {
      "leave.sh": "mkdir -p $ARTIFACTS/images/greeter; cp -r out/. $ARTIFACTS/images/greeter\n",
    });
    const { items } = await family.api<{ items: RunRow[] }>("/runs?component=leaver");
    const run = items.find((row) => row.change === second);
    expect([run?.state, run?.description]).toEqual(["failure", expect.stringContaining("does not belong to leaver")]);
  });
});
