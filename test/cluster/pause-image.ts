import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archiveLayout, assembleLayout } from "../fixtures/layout-image.ts";

/** Writes the image that holds the namespaces of each pod, by the project's own assembler: `pause-image BUSYBOX FILE`. */
const [busybox = "", file = ""] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), "fairlead-pause-"));
try {
  const dockerfile =
    'FROM scratch\nCOPY busybox /bin/busybox\nUSER 65535:65535\nENTRYPOINT ["/bin/busybox", "sleep", "1000000000"]\n';
  await assembleLayout(folder, dockerfile, { busybox: { copy: busybox } });
  const index: { manifests: { annotations: Record<string, string> }[] } = JSON.parse(
    await readFile(join(folder, "index.json"), "utf8"),
  );
  for (const each of index.manifests) each.annotations = { "io.containerd.image.name": "localhost/fairlead/pause:1" };
  await writeFile(join(folder, "index.json"), JSON.stringify(index));
  await archiveLayout(folder, file);
} finally {
  await rm(folder, { recursive: true, force: true });
}
