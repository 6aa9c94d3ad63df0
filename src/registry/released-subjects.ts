import { referredTo } from "../oci/index.ts";
import { readManifest } from "./delete-manifest.ts";
import { publishedOf, releasedAs } from "./records.ts";
import type { RegistryDoorOptions } from "./visit.ts";

/** Answers the version as which a digest was released, itself or as a platform of a released index; else `undefined`. */
export function createReleasedSubjects(
  options: Pick<RegistryDoorOptions, "store" | "blobs">,
): (repository: string, digest: string) => Promise<string | undefined> {
  // Bytes under a digest never change, so what an index lists is read once.
  const children = new Map<string, readonly string[]>();

  async function childrenOf(index: string): Promise<readonly string[]> {
    const known = children.get(index);
    if (known) return known;
    const parsed = await readManifest(options.blobs, index);
    const found = parsed ? referredTo(parsed).manifests.map((child) => child.digest) : [];
    if (children.size > 5000) children.clear();
    if (parsed) children.set(index, found);
    return found;
  }

  return async (repository, digest) => {
    const itself = await releasedAs(options.store.db, digest);
    if (itself !== undefined) return itself;
    const image = repository.slice(repository.indexOf("/") + 1);
    for (const published of await publishedOf(options.store.db, image)) {
      if ((await childrenOf(published.digest)).includes(digest)) return `${image}:${published.tag}`;
    }
    return undefined;
  };
}
