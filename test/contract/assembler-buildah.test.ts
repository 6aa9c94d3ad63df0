import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, ok, sha256Hex, systemIds } from "../../src/core/index.ts";
import { chooseCompression, createAssembler } from "../../src/images/index.ts";
import { type BlobStore, type Descriptor, mediaTypes, openFsBlobStore } from "../../src/oci/index.ts";
import { buildah, type PrivateBuildah, privateBuildah } from "../fixtures/private-buildah.ts";

const epoch = 1_700_000_000_000;
let root: string;
let blobs: BlobStore;
let base: Descriptor;
let theirs: PrivateBuildah;

/** One feature each; the base is `localhost/base:1`. */
const dockerfiles: Readonly<Record<string, string>> = {
  "destinations and WORKDIR":
    "FROM localhost/base:1\nWORKDIR home/some\nCOPY bin/a x\nWORKDIR ../sub\nCOPY bin/a ./d/\nCOPY bin/a .\nCOPY bin/a ../c/\nCOPY bin /vv\nCOPY bin/. /xx\n",
  globs: "FROM localhost/base:1\nCOPY d/*.txt d/[ab].bin /g/\nCOPY d/?.txt /h/\nCOPY d* /all/\n",
  folders:
    "FROM localhost/base:1\nCOPY d /dd\nCOPY d d/sub /ff/\nCOPY . /ctx\nCOPY empty /e\nCOPY d /srv/opaque\nADD d /added\n",
  "owners of COPY":
    "FROM localhost/base:1\nCOPY --chown=app bin/a /1\nCOPY --chown=app:staff bin/a /2\nCOPY --chown=5:6 d /own/x/y\nCOPY --chown=:staff bin/a /3\nCOPY --chown=1000 bin/a /4\n",
  "modes of COPY":
    "FROM localhost/base:1\nCOPY --chmod=0600 bin/a /1\nCOPY --chmod=4755 bin/a /2\nCOPY --chmod=700 d /own\n",
  "over what the base has":
    "FROM localhost/base:1\nCOPY bin/a /etc/again\nCOPY bin/a /etc/gone\nCOPY bin/a /bin/same\nCOPY bin/a /tmp/n/m\n",
  "variables everywhere":
    'ARG V=1\nFROM localhost/base:${V}\nARG V\nARG W=w-${V}\nARG X=${W:-no}\nENV E=$X F="a b $X" G=\'$X\' H=a\\ b I=${NOPE:-dd} J=${E:+alt} K=\\$E\nLABEL l=$E m="${W} z" "k e y"=v n=${UNSET}\nUSER ${X}\nWORKDIR /w/$V\nCOPY ${V}.f /dst-$V\nEXPOSE 80 81/udp ${PORT:-90}\nVOLUME /v1 /v2\nVOLUME ["/v3"]\nSTOPSIGNAL SIGTERM\nCMD echo $E\n',
  "scopes of ARG":
    "ARG V=1\nFROM localhost/base:$V\nARG given\nARG own=1\nENV own=env\nLABEL a=$own b=$given c=$V\nARG own=3\nLABEL d=$own\n",
  "ENTRYPOINT clears the CMD of the base": 'FROM localhost/base:1\nENTRYPOINT ["/a"]\n',
  "ENTRYPOINT keeps a CMD of its own": 'FROM localhost/base:1\nCMD ["x"]\nENTRYPOINT ["/a"]\n',
  labels: "FROM localhost/base:1\nLABEL a=1 b=2\nLABEL a=3\nLABEL old style label\nLABEL base=mine\n",
  "stages and images":
    "FROM localhost/base:1 AS one\nCOPY bin/a /x/a\nCOPY --chown=7:8 --chmod=600 d /x/d\nFROM one AS two\nCOPY bin/a /y\nFROM scratch\nCOPY --from=one /x /copied\nCOPY --from=1 /y /y\nCOPY --from=localhost/base:1 /etc/passwd /bin/hard /bin/hard2 /p/\nCOPY --from=localhost/base:1 /srv /srv\nCOPY --from=localhost/base:1 /bin /all\nCOPY --from=localhost/base:1 /bin/link /file\n",
  "a whole image": "FROM localhost/base:1 AS b\nFROM scratch\nCOPY --from=b / /\n",
  "what .dockerignore leaves": "FROM localhost/base:1\nCOPY . /c\n",
  links: "FROM localhost/base:1\nCOPY l /l\nCOPY l/tofile /tofile\nCOPY l/todir/a.txt /deep\n",
  "the JSON form": 'FROM localhost/base:1\nCOPY ["sp ace/f 1", "/with space/f"]\nCOPY ["d", "/j"]\n',
  "folders of a user": "FROM localhost/base:1\nUSER app\nCOPY bin/a /u\nWORKDIR /made/by\nCOPY bin/a .\n",
  "a shell and a health check":
    'FROM localhost/base:1\nHEALTHCHECK --interval=5s --timeout=3s --retries=2 CMD ["/a"]\nSHELL ["/bin/ash", "-c"]\nONBUILD LABEL x=y\n',
  "nothing below": 'FROM scratch\nCOPY bin/a /\nCOPY d/a.txt /deep/er/\nWORKDIR /deep/w/x\nENTRYPOINT ["/a"]\n',
  "platform arguments":
    "FROM localhost/base:1\nARG TARGETPLATFORM\nARG TARGETARCH\nARG TARGETOS\nLABEL p=$TARGETPLATFORM a=$TARGETARCH o=$TARGETOS\n",
};

const run = (program: string, args: readonly string[], cwd = root) =>
  execFileSync(program, args, { cwd, encoding: "utf8", stdio: "pipe", maxBuffer: 1 << 26 }).trim();

/** Three layers: modes, owners and links; a whiteout, an opaque folder and a hard link; a file that was taken away. */
async function makeBase(): Promise<Descriptor> {
  const steps = [
    "mkdir -p etc bin srv/opaque tmp; chmod 1777 tmp; printf 'root:x:0:0::/:\\napp:x:1000:1001::/:\\n' > etc/passwd; printf 'root:x:0:\\nstaff:x:50:\\n' > etc/group; echo old > etc/gone; echo 1 > etc/again; echo tool > bin/tool; chmod 4755 bin/tool; ln -s /bin/tool bin/link; echo low > srv/opaque/low; chown 7:8 srv/opaque; chmod 750 srv/opaque",
    "mkdir -p etc srv/opaque bin; touch etc/.wh.gone etc/.wh.again srv/opaque/.wh..wh..opq; echo high > srv/opaque/high; chown 9 srv/opaque/high; chmod 640 srv/opaque/high; echo same > bin/same; ln bin/same bin/hard",
    "mkdir -p etc bin; echo 3 > etc/again; chmod 600 etc/again; echo two > bin/hard2",
  ];
  const layers: Descriptor[] = [];
  const diffIds: string[] = [];
  for (const [index, step] of steps.entries()) {
    const folder = join(root, `layer-${index}`);
    mkdirSync(folder);
    run("sh", ["-ec", step], folder);
    const bytes = execFileSync("tar", ["-cf", "-", "--numeric-owner", "--sort=name", "."], { cwd: folder });
    diffIds.push(`sha256:${sha256Hex(bytes)}`);
    layers.push({ mediaType: mediaTypes.dockerLayerGzip, ...must(await blobs.write(gzipSync(bytes))) });
  }
  const config = {
    architecture: "amd64",
    os: "linux",
    config: { Env: ["PATH=/bin"], Cmd: ["/bin/tool"], Labels: { base: "yes" } },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: diffIds.map(() => ({ created: "2020-01-01T00:00:00Z", created_by: "made" })),
  };
  const mediaType = mediaTypes.dockerManifest;
  const stored = {
    mediaType: mediaTypes.dockerConfig,
    ...must(await blobs.write(Buffer.from(JSON.stringify(config)))),
  };
  const manifest = { schemaVersion: 2, mediaType, config: stored, layers };
  return { mediaType, ...must(await blobs.write(Buffer.from(JSON.stringify(manifest)))) };
}

function makeContext(dockerfile: string, ignore: boolean): string {
  const folder = mkdtempSync(join(root, "context-"));
  const put = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    chmodSync(join(folder, path), mode);
  };
  put("Dockerfile", dockerfile);
  put("bin/a", "program", 0o755);
  for (const name of [
    "d/a.txt",
    "d/b.txt",
    "d/cc.txt",
    "d/c.bin",
    "d/sub/deep/f",
    "d2/z",
    "1.f",
    "sp ace/f 1",
    "target",
  ])
    put(name, name);
  put("d/a.bin", "b", 0o755);
  mkdirSync(join(folder, "empty/in"), { recursive: true });
  mkdirSync(join(folder, "l"));
  symlinkSync("../target", join(folder, "l/tofile"));
  symlinkSync("../d", join(folder, "l/todir"));
  if (ignore) put(".dockerignore", "# c\n**/*.bin\nd/sub\n!d/sub/deep\nsp ace\n/bin\nl\n");
  return folder;
}

beforeAll(async () => {
  // buildah makes an image name of the path, and those are lower case.
  root = join(tmpdir(), `assembler-buildah-${systemIds.hex(8)}`);
  mkdirSync(root);
  blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
  if (buildah === undefined) return;
  theirs = privateBuildah(root, () => blobs);
  base = await makeBase();
  await theirs.importImage(base, "localhost/base:1");
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.skipIf(buildah === undefined)("the assembler beside buildah (skipped without buildah and root)", () => {
  it.each(Object.entries(dockerfiles))("makes the same files and the same configuration: %s", async (name, text) => {
    const context = makeContext(text, name.includes(".dockerignore"));
    const assembler = createAssembler({
      blobs,
      compression: chooseCompression(),
      bases: {
        resolve: async () => ok(base),
        fetch: async (_reference, manifest) => ok({ manifest, bytes: must(await blobs.readAll(manifest.digest, 1e7)) }),
      },
    });
    const platform = { os: "linux", architecture: "amd64" };
    const image = must(
      await assembler.assemble({
        context,
        platforms: [{ platform, dockerfile: "Dockerfile", args: { given: "from outside" } }],
        labels: { "org.opencontainers.image.version": "v1" },
        epoch,
        index: false,
      }),
    );
    await theirs.importImage(image.root, "localhost/ours:1");
    const how = [
      "--isolation",
      "chroot",
      "--format",
      "docker",
      "--pull-never",
      "--layers=false",
      "--timestamp",
      `${epoch / 1000}`,
    ];
    const given = ["--label", "org.opencontainers.image.version=v1", "--build-arg", "given=from outside"];
    theirs.run("bud", "-q", ...how, ...given, "-t", "localhost/theirs:1", context);
    const ours = theirs.filesOf("localhost/ours:1");
    expect(ours).toEqual(theirs.filesOf("localhost/theirs:1"));
    expect(ours.length).toBeGreaterThan(1);
    expect(theirs.configurationOf("localhost/ours:1")).toEqual(theirs.configurationOf("localhost/theirs:1"));
  });
});
