export { createBaseSource } from "./base-source.ts";
export type { CredentialSource, Credentials } from "./client/authorization.ts";
export { createHostBudgets } from "./client/host-budget.ts";
export { isLoopback } from "./client/hosts.ts";
export type { RemoteManifest } from "./client/manifests.ts";
export {
  type ContainerConfig,
  type Descriptor,
  type Digest,
  type HistoryEntry,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  mediaTypes,
  type Platform,
} from "./documents.ts";
export { openFsBlobStore, storageFault } from "./fs-blobs.ts";
export {
  artifactTypeOf,
  indexTypes,
  largestManifest,
  type ManifestDocument,
  manifestsOf,
  parseManifest,
  referredTo,
} from "./image-contents.ts";
export { writeLayout } from "./layout.ts";
export { pullToLayout } from "./pull.ts";
export { type FoundImage, readImageArchive, readImageFolder } from "./read-layout.ts";
export { formatReference, isDigest, isRepositoryName, isTagName, parseReference, type Reference } from "./reference.ts";
export { referrersOf } from "./referrers.ts";
export { createRegistryClient, type RegistryClient } from "./registry-client.ts";
export { createRemoteRegistry } from "./remote-registry.ts";
export type { BlobStore, ImageRegistry, StoredImage, SweepableBlobStore } from "./store.ts";
export { writeWhole } from "./write-whole.ts";
