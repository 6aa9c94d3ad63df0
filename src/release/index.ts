export { type CanaryOrder, canaryPublisher, type CanaryPublisherOptions, currentCanary } from "./canary.ts";
export { releasePublisher, type ReleasePublisherOptions } from "./publish.ts";
export {
  advance,
  builtImages,
  findRelease,
  insertRelease,
  type NewRelease,
  publicationsOf,
  publicTags,
  releasesOf,
  type StoredPublication,
  type StoredRelease,
} from "./records.ts";
export { mayFollow, publicStates } from "./states.ts";
