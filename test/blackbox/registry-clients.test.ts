import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ended, programPath, run } from "../fixtures/programs.ts";
import { greeter, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

let family: ServedFamily;
let creds: string;
let folder: string;
beforeAll(async () => {
  family = await serveFamily([greeter]);
  await family.start();
  creds = `x:${await family.token()}`;
  folder = join(family.root, "clients");
  await mkdir(folder);
  await writeFile(join(folder, "hello"), "hello\n");
  await writeFile(join(folder, "policy.json"), JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }));
});
afterAll(async () => await family.remove());

const at = (name: string) => `${new URL(family.url()).host}/fam/${name}`;
const image = (name: string) => `docker://${at(name)}`;
function went(ended: Ended): void {
  expect([ended.code, ended.code === 0 ? "" : ended.stderr]).toEqual([0, ""]);
}
function refused(ended: Ended, why: RegExp): void {
  expect([ended.code === 0, ended.stderr]).toEqual([false, expect.stringMatching(why)]);
}
/** A storage of its own, so that nothing of the machine's is used or left behind. */
const storage = (name: string) => [
  "--root",
  join(folder, name),
  "--runroot",
  join(folder, `${name}-run`),
  "--storage-driver",
  "vfs",
];

const buildah = programPath("buildah");
const skopeo = programPath("skopeo");
const podman = programPath("podman");
const runc = programPath("runc");
const crane = process.env["FAIRLEAD_CRANE"] ?? programPath("crane");
const oras = process.env["FAIRLEAD_ORAS"] ?? programPath("oras");

/** An image of one file, pushed as `name` by buildah. */
async function pushByBuildah(name: string): Promise<void> {
  const call = (...args: string[]) => run(buildah ?? "", [...storage("buildah"), ...args]);
  const made = await call("from", "scratch");
  went(made);
  const container = made.stdout.trim();
  went(await call("copy", container, join(folder, "hello"), "/hello"));
  went(await call("config", "--label", `mark=${name}`, container));
  went(await call("commit", "--rm", container, "trial"));
  went(await call("push", "--tls-verify=false", `--creds=${creds}`, "trial", image(name)));
}

describe.skipIf(!buildah)("buildah (skipped where it is not installed)", () => {
  const call = (...args: string[]) => run(buildah ?? "", [...storage("buildah"), ...args]);

  it("pushes, pulls and is told why it may not", async () => {
    await pushByBuildah("greeter:by-buildah");
    went(await call("rmi", "--all", "--force"));
    went(await call("pull", "--tls-verify=false", image("greeter:by-buildah")));
    const listed = await call("images", "--format", "{{.Name}}:{{.Tag}}");
    expect(listed.stdout).toContain(`${at("greeter")}:by-buildah`);
    const pulled = `${at("greeter")}:by-buildah`;
    refused(
      await call("push", "--tls-verify=false", pulled, image("greeter:mine")),
      /authentication required|unauthorized/,
    );
    refused(
      await call("push", "--tls-verify=false", `--creds=${creds}`, pulled, image("greeter:canary")),
      /canary is written by Fairlead's publisher only/,
    );
  });
});

describe.skipIf(!skopeo || !buildah)("skopeo (skipped where it or buildah is not installed)", () => {
  const call = (...args: string[]) => run(skopeo ?? "", args);
  const copy = (from: string, to: string) =>
    call("copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", `--dest-creds=${creds}`, from, to);
  const inspect = (reference: string) => call("inspect", "--tls-verify=false", reference);

  it("copies, lists, deletes, and moves no version", async () => {
    await pushByBuildah("greeter:by-skopeo");
    await pushByBuildah("greeter:other");
    went(await copy(image("greeter:by-skopeo"), image("greeter:copied")));
    went(await copy(image("greeter:by-skopeo"), image("elsewhere:copied")));
    const digests = [];
    for (const name of ["greeter:by-skopeo", "greeter:copied", "elsewhere:copied"])
      digests.push(JSON.parse((await inspect(image(name))).stdout).Digest);
    expect(new Set(digests).size).toBe(1);
    const { Tags } = JSON.parse((await call("list-tags", "--tls-verify=false", image("greeter"))).stdout);
    expect(Tags).toEqual(expect.arrayContaining(["by-skopeo", "copied", "other"]));
    went(await copy(image("greeter:copied"), image("greeter:v0.1.0")));
    refused(await copy(image("greeter:other"), image("greeter:v0.1.0")), /means those bytes for ever/);
    const remove = (name: string) => call("delete", "--tls-verify=false", `--creds=${creds}`, image(name));
    refused(await remove("greeter:v0.1.0"), /v0\.1\.0 means this manifest/);
    went(await remove("greeter:other"));
    refused(await inspect(image("greeter:other")), /manifest for .*greeter:other not found/);
    went(await remove("elsewhere:copied"));
    went(await copy(image("greeter:v0.1.0"), `dir:${join(folder, "pulled")}`));
  });

  it("is told what scripts look for where there is no such tag", async () => {
    const asked = `${at("greeter")}:v9.9.9`;
    const ended = await inspect(`docker://${asked}`);
    refused(ended, /manifest unknown/);
    expect(ended.stderr).toContain(`manifest for ${asked} not found`);
  });
});

describe.skipIf(!podman || !buildah || !runc)("podman (skipped where it, buildah or runc is not installed)", () => {
  const call = (...args: string[]) =>
    run(podman ?? "", [
      ...storage("podman"),
      "--runtime",
      "runc",
      "--cgroup-manager",
      "cgroupfs",
      "--events-backend",
      "none",
      "--tmpdir",
      join(folder, "podman-tmp"),
      ...args,
    ]);

  it("pulls, tags, pushes, and says what scripts look for", async () => {
    await pushByBuildah("greeter:for-podman");
    went(await call("pull", "--tls-verify=false", `${at("greeter")}:for-podman`));
    went(await call("tag", `${at("greeter")}:for-podman`, `${at("greeter")}:by-podman`));
    refused(
      await call("push", "--tls-verify=false", `${at("greeter")}:by-podman`),
      /unauthorized|authentication required/,
    );
    went(await call("push", "--tls-verify=false", `--creds=${creds}`, `${at("greeter")}:by-podman`));
    went(await call("rmi", "--all", "--force"));
    went(await call("pull", "--tls-verify=false", `${at("greeter")}:by-podman`));
    const absent = `${at("greeter")}:v9.9.9`;
    const missing = await call("pull", "--tls-verify=false", absent);
    refused(missing, /manifest unknown/);
    expect(missing.stderr).toContain(`manifest for ${absent} not found`);
  });
});

describe.skipIf(!crane)("crane (skipped where it is neither on the PATH nor named by FAIRLEAD_CRANE)", () => {
  const environment = () => ({ PATH: process.env["PATH"], HOME: folder, DOCKER_CONFIG: join(folder, "docker") });
  const call = (...args: string[]) => run(crane ?? "", args, { env: environment() });
  const anonymously = (...args: string[]) =>
    run(crane ?? "", args, { env: { ...environment(), DOCKER_CONFIG: join(folder, "nobody") } });

  it("pushes, pulls, copies, lists and deletes, and moves no version", async () => {
    await mkdir(join(folder, "docker"), { recursive: true });
    const [user = "", password = ""] = creds.split(":");
    went(await call("auth", "login", new URL(family.url()).host, "-u", user, "-p", password));
    const layer = join(folder, "layer.tar");
    went(await run("tar", ["-C", folder, "-cf", layer, "hello"]));
    went(await call("append", "--new_layer", layer, "--new_tag", at("greeter:by-crane")));
    went(await call("mutate", at("greeter:by-crane"), "--label", "mark=b", "--tag", at("greeter:crane-other")));
    went(await call("copy", at("greeter:by-crane"), at("greeter:crane-copied")));
    went(await call("copy", at("greeter:by-crane"), at("crane-elsewhere:copied")));
    const digests = [];
    for (const name of ["greeter:by-crane", "greeter:crane-copied", "crane-elsewhere:copied"])
      digests.push((await anonymously("digest", at(name))).stdout.trim());
    expect([new Set(digests).size, digests[0]]).toEqual([1, expect.stringMatching(/^sha256:/)]);
    went(await anonymously("pull", "--format=oci", at("greeter:by-crane"), join(folder, "by-crane")));
    went(await anonymously("validate", "--remote", at("greeter:by-crane")));
    went(await call("push", join(folder, "by-crane"), at("greeter:pushed-by-crane")));
    const listed = (await anonymously("ls", at("greeter"))).stdout.split("\n");
    expect(listed).toEqual(expect.arrayContaining(["by-crane", "crane-copied", "pushed-by-crane"]));
    went(await call("tag", at("greeter:by-crane"), "v0.2.0"));
    refused(await call("copy", at("greeter:crane-other"), at("greeter:v0.2.0")), /means those bytes for ever/);
    refused(await anonymously("tag", at("greeter:by-crane"), "mine"), /UNAUTHORIZED|unauthorized/i);
    refused(await call("delete", at("greeter:v0.2.0")), /DENIED/);
    went(await call("delete", at("greeter:crane-other")));
    refused(await anonymously("digest", at("greeter:crane-other")), /404|MANIFEST_UNKNOWN/);
  });
});

describe.skipIf(!oras)("oras (skipped where it is neither on the PATH nor named by FAIRLEAD_ORAS)", () => {
  const call = (...args: string[]) =>
    run(oras ?? "", args, { cwd: folder, env: { PATH: process.env["PATH"], HOME: join(folder, "oras-home") } });
  const login = () => {
    const [user = "", password = ""] = creds.split(":");
    return ["--plain-http", "-u", user, "-p", password];
  };

  it("pushes an artifact, attaches to it, finds what refers to it, copies it with that, and deletes it", async () => {
    await mkdir(join(folder, "oras-home"), { recursive: true });
    const artifact = at("greeter:by-oras");
    went(
      await call("push", ...login(), "--artifact-type", "application/vnd.example.hello", artifact, "hello:text/plain"),
    );
    went(await call("attach", ...login(), "--artifact-type", "application/vnd.example.note", artifact, "policy.json"));
    const discovered = await call("discover", "--plain-http", "--format", "json", artifact);
    went(discovered);
    expect(discovered.stdout).toContain("application/vnd.example.note");
    went(await call("pull", "--plain-http", "-o", join(folder, "oras-out"), artifact));
    expect(await readFile(join(folder, "oras-out", "hello"), "utf8")).toBe("hello\n");
    const [user = "", password = ""] = creds.split(":");
    const to = ["--to-username", user, "--to-password", password];
    const plain = ["--from-plain-http", "--to-plain-http"];
    went(await call("cp", "-r", ...plain, ...to, artifact, at("oras-elsewhere:copied")));
    const copied = await call("discover", "--plain-http", "--format", "json", at("oras-elsewhere:copied"));
    expect(copied.stdout).toContain("application/vnd.example.note");
    went(await call("tag", ...login(), artifact, "oras-too"));
    expect((await call("repo", "tags", "--plain-http", at("greeter"))).stdout).toContain("oras-too");
    went(await call("manifest", "delete", ...login(), "--force", at("oras-elsewhere:copied")));
    expect((await call("manifest", "fetch", "--plain-http", at("oras-elsewhere:copied"))).code).not.toBe(0);
  });
});
