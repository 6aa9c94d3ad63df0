export { createGitDoor, type GitDoorOptions } from "./door.ts";
export { createLocalForge } from "./forge.ts";
