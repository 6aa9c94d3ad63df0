import { freezesOf, publishedVersions } from "../../intake/index.ts";
import { type Freeze, freezeOn, inForce } from "../../policy/index.ts";
import type { FrozenBranch } from "./model.ts";
import type { ViewSources } from "./sources.ts";
import { iso } from "./text.ts";

/** What is frozen in a component now, and a look-up for one branch. */
export interface Freezes {
  readonly all: readonly FrozenBranch[];
  on(branch: string): Freeze | undefined;
}

export async function readFreezes(sources: ViewSources, component: string): Promise<Freezes> {
  const now = sources.clock.now();
  const freezes = await freezesOf(sources.db, component);
  const published = freezes.length === 0 ? new Set<string>() : await publishedVersions(sources.db, component);
  return {
    all: freezes
      .filter((freeze) => inForce(freeze, published, now))
      .map(({ branch, version, until, by }) => ({ branch, version, until: iso(until ?? null), by })),
    on: (branch) => freezeOn(branch, freezes, published, now),
  };
}
