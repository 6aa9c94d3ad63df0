export { type CommandOptions, commandAdapter } from "./command-cluster.ts";
