import { err, fault, ok, type Result } from "../../core/index.ts";
import { type BlobStore, readImageArchive, readImageFolder } from "../../oci/index.ts";
import { type TakenImage, takeImage } from "./take-image.ts";

/** Takes over what a job left in a folder or an archive: an OCI layout, labelled and looked at as everything else. */
export interface LeftImages {
  /** Of several images in one layout the one named `wanted` counts, else there is but one. */
  take(
    path: string,
    kind: "folder" | "archive",
    wanted: string,
    labels: Readonly<Record<string, string>>,
  ): Promise<Result<TakenImage>>;
}

const mostBytes = 16 * 1024 ** 3;

export function createLeftImages(blobs: BlobStore): LeftImages {
  return {
    take: async (path, kind, wanted, labels) => {
      const read = kind === "folder" ? readImageFolder : readImageArchive;
      const found = await read(blobs, path, mostBytes);
      if (!found.ok) return found;
      const chosen = choose(found.value, wanted);
      return chosen.ok ? await takeImage(blobs, chosen.value.root, labels) : chosen;
    },
  };
}

function choose<T extends { readonly name: string | undefined; readonly root: { readonly digest: string } }>(
  found: readonly T[],
  wanted: string,
): Result<T> {
  const exact = found.find((image) => image.name === wanted || image.name?.endsWith(`:${wanted}`) === true);
  const [first] = found;
  if (exact) return ok(exact);
  if (first && found.every((image) => image.root.digest === first.root.digest)) return ok(first);
  if (!first) return err(fault("bad-input", "its index.json lists no image"));
  const names = found.slice(0, 10).map((image) => image.name ?? "without a name");
  return err(
    fault("conflict", `it holds different images (${names.join(", ")}), and none named ${wanted}`, {
      hint: `name the one that is meant ${wanted}, or leave the others out`,
    }),
  );
}
