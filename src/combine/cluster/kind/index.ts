export { type KindOptions, kindAdapter } from "./kind-cluster.ts";
