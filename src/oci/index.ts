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
export type { BlobStore, ImageRegistry, StoredImage } from "./store.ts";
