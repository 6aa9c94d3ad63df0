/** One release of a train that goes. */
export interface TrainStop {
  readonly component: string;
  readonly version: string;
  /** Stops, `component@v1.0.0`, that are published first. */
  readonly after: readonly string[];
  readonly state: TrainStopState;
}

/**
 * `waiting`: for other stops; `pins`: for a person who merges the change of its pins; `checks`: for its checks;
 * `releasing`: its tag is made, or about to be; then one of `published`, `failed`, `held` (what it pins failed) and
 * `stopped` (somebody ended the train before it was begun).
 */
export type TrainStopState = "waiting" | "pins" | "checks" | "releasing" | "published" | "failed" | "held" | "stopped";

export const endedStops: readonly TrainStopState[] = ["published", "failed", "held", "stopped"];

/** What a stop may do now: `go` on, or rest in a state, with the reason. */
export type TrainLeave =
  | { readonly go: true }
  | { readonly go: false; readonly state: "waiting" | "held"; readonly reason: string };

/** Whether a stop may be begun: one that failed holds back only those that pin it, directly or through others. */
export function mayLeave(stop: TrainStop, stops: readonly TrainStop[]): TrainLeave {
  const before = stop.after.map((id) => ({
    id,
    found: stops.find((each) => `${each.component}@${each.version}` === id),
  }));
  const lost = before.find(({ found }) => found && ["failed", "held", "stopped"].includes(found.state));
  if (lost) {
    const why = lost.found?.state === "failed" ? "failed" : `is ${lost.found?.state}`;
    return { go: false, state: "held", reason: `${lost.id}, which it pins, ${why}` };
  }
  const open = before.filter(({ found }) => found && found.state !== "published").map(({ id }) => id);
  return open.length === 0 ? { go: true } : { go: false, state: "waiting", reason: `waits for ${open.join(", ")}` };
}
