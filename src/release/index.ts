export { orderWithdrawal, withdrawalAnnouncer } from "./announce-withdrawal.ts";
export { type CanaryOrder, type CanaryPublisherOptions, canaryPublisher, currentCanary } from "./canary.ts";
export { createPromotion, type Promoted, type Promotion } from "./promote.ts";
export { type ReleasePublisherOptions, releasePublisher } from "./publish.ts";
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
