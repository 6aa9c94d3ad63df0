export { type FamilyHistoryOptions, familyHistory, strangerHistory } from "./family-history.ts";
export { pastTags } from "./past-tags.ts";
export { pinnedAt, pinsAt } from "./pins.ts";
export type { HistorySources } from "./sources.ts";
export { tagHistory } from "./tag-history.ts";
export { walkFolder } from "./walk.ts";
