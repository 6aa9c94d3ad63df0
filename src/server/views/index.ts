export { glyphs, markOfPublication } from "./marks.ts";
export type * from "./model.ts";
export { type NextFacts, nextStep } from "./next-step.ts";
export type { ViewSources } from "./sources.ts";
export { counted, pagePath, shellWord, shortCommit } from "./text.ts";
export { createViews, type Views } from "./views.ts";
