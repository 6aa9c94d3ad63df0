export type { Finding, Unchecked, Verdict } from "./model.ts";
