import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, err, fault, type Ids, ok, type Result } from "../core/index.ts";
import { carryPrograms } from "../execute/kubernetes/index.ts";
import { chooseCompression, createAssembler } from "../images/index.ts";
import {
  createRegistryClient,
  createRemoteRegistry,
  openFsBlobStore,
  parseReference,
  writeLayout,
} from "../oci/index.ts";
import { dockerCredentials } from "./docker-credentials.ts";

/** One moment for all of it, so that the same programs are the same bytes. */
const epoch = Date.UTC(2026, 0, 1);
const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/**
 * The image of the containers that stand beside a job in its pod: nothing but what is brought along, for the architecture
 * of this machine. Written as an OCI layout, or pushed with the credentials that `docker login` stored. Faults:
 * `missing-need`, `bad-input`, and those of the registry.
 */
export async function makePodImage(options: {
  readonly to: { readonly folder: string } | { readonly reference: string };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly ids: Ids;
}): Promise<Result<{ readonly digest: string; readonly platform: string }>> {
  const { to } = options;
  const named = "reference" in to ? parseReference(to.reference) : ok(undefined);
  if (!named.ok) return named;
  const work = await mkdtemp(join(tmpdir(), "fairlead-pod-image-"));
  try {
    const context = join(work, "context");
    const carried = await carryPrograms(context);
    if (!carried.ok) return carried;
    await writeFile(join(context, "Dockerfile"), "FROM scratch\nCOPY . /fairlead/\n");
    await writeFile(join(context, ".dockerignore"), "Dockerfile\n.dockerignore\n");
    const blobs = await openFsBlobStore({ root: join(work, "blobs"), ids: options.ids });
    const none = async (reference: string) => err(fault("bad-input", `${reference} is no base of this image`));
    const assembler = createAssembler({
      blobs,
      bases: { resolve: none, fetch: none },
      compression: chooseCompression(),
    });
    const platform = { os: "linux", architecture: architectures[process.arch] ?? process.arch };
    const image = await assembler.assemble({
      context,
      platforms: [{ platform, dockerfile: "Dockerfile", args: {} }],
      labels: {},
      epoch,
      index: false,
    });
    if (!image.ok) return image;
    const { root } = image.value;
    const made = { digest: root.digest, platform: `${platform.os}/${platform.architecture}` };
    if ("folder" in to) {
      const written = await writeLayout(blobs, root, to.folder, "fairlead-pod");
      return written.ok ? ok(made) : written;
    }
    if (named.value === undefined) throw new Error("a reference was given");
    const { registry: host, repository, tag } = named.value;
    const client = createRegistryClient({ clock: options.clock, credentials: dockerCredentials(options.env) });
    const registry = createRemoteRegistry({ name: host, client, blobs });
    const pushed = await registry.push(repository, image.value);
    if (!pushed.ok) return pushed;
    const tagged = await registry.tag(repository, tag ?? "latest", root, "moving");
    return tagged.ok ? ok(made) : tagged;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
