import { err, fault, ok, type Result } from "../core/index.ts";
import { type Component, parseVersionTag } from "../family/index.ts";
import type { NewStop } from "./train-records.ts";
import type { TrainRequest } from "./trains.ts";

const mostReleases = 100;

/**
 * The stops of a train, each after those that it pins or names. `pinned`: components that a deployment pins. Fault
 * `bad-input` with `facts.index`, the release that is wrong; `not-found` for one that is no component.
 */
export function checkTrain(
  request: TrainRequest,
  components: readonly Component[],
  pinned: ReadonlyMap<string, readonly string[]>,
): Result<readonly NewStop[]> {
  const { releases } = request;
  const wrong = (index: number, message: string, hint?: string) =>
    err(fault("bad-input", message, { hint, facts: { index } }));
  if (releases.length === 0) return wrong(0, "the train has no release", "fairlead train --output FILE writes one");
  if (releases.length > mostReleases) return wrong(mostReleases, `a train has at most ${mostReleases} releases`);
  const stops: NewStop[] = [];
  const seen = new Set<string>();
  for (const [index, release] of releases.entries()) {
    const { component: name, version, commit } = release;
    const component = components.find((each) => each.name === name);
    if (!component) return err(fault("not-found", `there is no component ${name}`, { facts: { index } }));
    if (component.kind === "internal") return wrong(index, `${name} is internal and is never released`);
    const parsed = parseVersionTag(version);
    if (!parsed.ok) return wrong(index, parsed.error.message, parsed.error.hint);
    const id = `${name}@${version}`;
    if (seen.has(id)) return wrong(index, `${id} is in the train twice`);
    seen.add(id);
    const named =
      release.after ?? (pinned.get(name) ?? []).filter((other) => releases.some((each) => each.component === other));
    const unknown = named.find((other) => !releases.some((each) => each.component === other));
    if (unknown !== undefined) return wrong(index, `${id} comes after ${unknown}, which is not in the train`);
    const after = releases.flatMap((other) =>
      other.component !== name && named.includes(other.component) ? [`${other.component}@${other.version}`] : [],
    );
    stops.push({ component: name, version, commit, after });
  }
  const stuck = inCircle(stops);
  return stuck === undefined ? ok(stops) : wrong(0, `${stuck.join(" and ")} wait for each other`);
}

/** Stops that can never leave, since each waits for another of them; `undefined`: none. */
function inCircle(stops: readonly NewStop[]): readonly string[] | undefined {
  let waiting = stops;
  for (;;) {
    const ids = new Set(waiting.map((stop) => `${stop.component}@${stop.version}`));
    const next = waiting.filter((stop) => stop.after.some((id) => ids.has(id)));
    if (next.length === waiting.length) return next.length === 0 ? undefined : [...ids];
    waiting = next;
  }
}
