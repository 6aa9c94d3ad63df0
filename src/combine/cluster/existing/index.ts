export { type ExistingOptions, existingAdapter } from "./existing-cluster.ts";
