export type * from "./model.ts";
export type * from "./toolchains/index.ts";
