import { err, fault, ok, type Result } from "../core/index.ts";
import type { Component, Family } from "../family/index.ts";
import type { Git } from "../git/index.ts";
import type { Refs } from "../jobs/index.ts";
import type { Run } from "./model.ts";

/** The head of a component's default branch with its copy of an internal component at one of that one's commits. */
export type WithCopy = (
  user: Component,
  internal: string,
  commit: string,
) => Promise<Result<{ readonly branch: string; readonly commit: string }>>;

/** What is tested, merged, as the copy that another component has of it: that one's tests are run. */
export async function insideUser(
  parts: { readonly family: () => Family; readonly git: Git; readonly withCopy?: WithCopy | undefined },
  run: Run,
  tested: Component,
  inside: string,
): Promise<Result<{ readonly component: Component; readonly refs: Refs; readonly tested: string }>> {
  const component = parts.family().components.find((candidate) => candidate.name === inside);
  if (!component) return err(fault("not-found", `${inside} is no component of the family any more`));
  if (!parts.withCopy) return err(fault("missing-need", `${tested.name} is tested inside ${inside} by a server only`));
  const repository = await parts.git.open(tested.name);
  const { base_ref: branch, base_sha: base, pulls = [] } = run.refs;
  const heads = pulls.map((pull) => pull.sha);
  const merged = heads.length === 0 ? ok({ commit: base }) : await repository.tentativeMerge(base, branch, heads);
  if (!merged.ok) return merged;
  const made = await parts.withCopy(component, tested.name, merged.value.commit);
  if (!made.ok) return made;
  const refs = { org: component.org, repo: component.repo, base_ref: made.value.branch, base_sha: made.value.commit };
  return ok({ component, refs, tested: merged.value.commit });
}
