export { appendFeed, type FeedEntry, readFeed } from "./feed.ts";
export { lockHome } from "./home-lock.ts";
export { holdDatabase } from "./postgres/hold.ts";
export { checkRecord, type RecordCheck, recordHolds, sealRecord } from "./record-chain.ts";
export type * from "./schema.ts";
export { engineOf, openStore, type Store, type Trx, tryOpenStore } from "./store.ts";
