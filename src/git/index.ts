export { type BorrowedRepository, borrowRepository } from "./borrowed.ts";
export type { CommitGraph, Reach } from "./commit-graph.ts";
export { copyRefs } from "./copy-refs.ts";
export { createGit, type GitOptions } from "./git.ts";
export type * from "./model.ts";
export type { TreeEntry } from "./object-reader.ts";
export { announceBranches } from "./origin-refs.ts";
export { hideOtherTags } from "./other-tags.ts";
export { gitEnvironment, spawnGit } from "./run-git.ts";
