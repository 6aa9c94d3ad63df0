export type * from "./cluster/model.ts";
