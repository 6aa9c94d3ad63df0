import { ok, type Result } from "../core/index.ts";
import type { BlobStore, Descriptor } from "../oci/index.ts";
import { writeArtifact } from "./artifact.ts";

/** Artifact types of the files published with an image, and of what stands for a release that has no images. */
export const filesArtifact = "application/vnd.fairlead.files.v1";
const releaseArtifact = "application/vnd.fairlead.release.v1";

export interface ReleaseFileContent {
  /** In the repository. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * The files as an artifact, a layer each with its path as title: it refers to the image, or is the release itself where
 * there is no image. `undefined`: there is an image and no file.
 */
export async function writeReleaseFiles(
  blobs: BlobStore,
  subject: Descriptor | undefined,
  files: readonly ReleaseFileContent[],
  annotations: Readonly<Record<string, string>>,
): Promise<Result<Descriptor | undefined>> {
  if (files.length === 0 && subject) return ok(undefined);
  return await writeArtifact(blobs, {
    artifactType: subject ? filesArtifact : releaseArtifact,
    subject,
    layers: files.map(({ path, bytes }) => ({
      mediaType: "application/octet-stream",
      bytes,
      annotations: { "org.opencontainers.image.title": path },
    })),
    annotations,
  });
}
