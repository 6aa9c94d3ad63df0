export { copyRefs } from "./copy-refs.ts";
export { createGit, type GitOptions } from "./git.ts";
export type * from "./model.ts";
export { gitEnvironment, spawnGit } from "./run-git.ts";
