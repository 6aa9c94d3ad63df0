import type { Selectable } from "kysely";
import type { ReleaseRow } from "../../store/index.ts";
import type { Station } from "./model.ts";
import { counted, iso } from "./text.ts";

type Times = Pick<
  Selectable<ReleaseRow>,
  | "state"
  | "requested_at"
  | "quarantined_at"
  | "building_at"
  | "verifying_at"
  | "publishing_at"
  | "published_at"
  | "ended_at"
>;

export interface StripFacts extends Times {
  readonly requestedBy: string;
  readonly rules: number;
  readonly approvedBy: string | null;
  readonly images: number;
  readonly registries: number;
}

interface Stop {
  readonly name: string;
  readonly at: number | null;
  readonly note: string;
}

/**
 * A release as one line: every stop it made or has ahead. A stop lasts until the next one that was reached; the line ends
 * where the release failed or was closed.
 */
export function stripOf(facts: StripFacts, now: number): readonly Station[] {
  const withoutImages = facts.images === 0;
  const all: readonly Stop[] = [
    { name: "requested", at: facts.requested_at, note: `tag pushed by ${facts.requestedBy}` },
    { name: "quarantined", at: facts.quarantined_at, note: quarantineNote(facts) },
    { name: "building", at: facts.building_at, note: withoutImages ? "" : counted(facts.images, "image") },
    { name: "verifying", at: facts.verifying_at, note: "tag, commit, version, labels" },
    { name: "publishing", at: facts.publishing_at, note: counted(facts.registries, "registry", "registries") },
    { name: "published", at: facts.published_at, note: withoutImages ? "no images: the tag is the release" : "" },
  ];
  const released = facts.published_at !== null;
  const stops = all
    .filter((stop) => stop.name !== "quarantined" || stop.at !== null)
    .filter((stop) => !(released && stop.at === null));
  const over = facts.state === "failed" || facts.state === "closed";
  const reached = stops.filter((stop) => stop.at !== null);
  const last = reached.at(-1);
  const stations = stops.map((stop): Station => {
    if (stop.at === null)
      return { name: stop.name, state: "ahead", at: null, lastedMs: null, note: over ? "not reached" : "" };
    const next = reached[reached.indexOf(stop) + 1];
    const until = next?.at ?? facts.ended_at ?? now;
    if (stop.name === "published") {
      return { ...stop, at: iso(stop.at), state: "published", lastedMs: stop.at - facts.requested_at };
    }
    const isLast = stop === last;
    const state = stop.name === "quarantined" ? "held" : isLast && !over ? "now" : "done";
    return { ...stop, at: iso(stop.at), state, lastedMs: until - stop.at };
  });
  if (!over) return stations;
  const end: Station = {
    name: facts.state,
    state: facts.state === "failed" ? "failed" : "closed",
    at: iso(facts.ended_at),
    lastedMs: facts.ended_at === null ? null : facts.ended_at - facts.requested_at,
    note: "nothing was published",
  };
  return [...stations.filter((station) => station.state !== "ahead"), end];
}

/** How long each stop of a published release lasted, in milliseconds. */
export function stopTimes(times: Omit<Times, "state" | "ended_at">): Readonly<Record<string, number>> {
  const reached = [
    ["requested", times.requested_at],
    ["quarantined", times.quarantined_at],
    ["building", times.building_at],
    ["verifying", times.verifying_at],
    ["publishing", times.publishing_at],
    ["published", times.published_at],
  ] as const;
  const stops = reached.flatMap(([name, at]) => (at === null ? [] : [{ name, at }]));
  return Object.fromEntries(
    stops.flatMap((stop, index) => {
      const next = stops[index + 1];
      return next ? [[stop.name, next.at - stop.at]] : [];
    }),
  );
}

function quarantineNote(facts: StripFacts): string {
  const rules = counted(facts.rules, "rule");
  return facts.approvedBy === null ? rules : `${rules}, approved by ${facts.approvedBy}`;
}
