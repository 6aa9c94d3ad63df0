import { ok } from "../../core/index.ts";
import type { Git } from "../../git/index.ts";
import type { Forge } from "../model.ts";

/** The forge that Fairlead is itself: its refs are ours to move, and people look at our own pages. */
export function createLocalForge(options: { readonly git: Git }): Forge {
  return {
    land: async (component, branch, before, commit) => {
      const repository = await options.git.open(component);
      return await repository.updateRef(`refs/heads/${branch}`, before, commit);
    },
    setTag: async (component, tag, before, after) => {
      const repository = await options.git.open(component);
      return await repository.updateRef(`refs/tags/${tag}`, before, after);
    },
    postStatus: async () => ok(undefined),
  };
}
