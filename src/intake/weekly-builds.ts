import type { Clock } from "../core/index.ts";
import { lineOfBranch } from "../family/index.ts";
import type { FactSources } from "./facts.ts";
import type { Intake } from "./intake.ts";

export interface WeeklyBuildsOptions extends Pick<FactSources, "store" | "family"> {
  readonly clock: Clock;
  readonly intake: Pick<Intake, "submit">;
  readonly onBug: (error: unknown) => void;
}

/** Builds every supported maintenance branch once a week: what nobody built for months cannot be released in a hurry. */
export interface WeeklyBuilds {
  start(): void;
  stop(): void;
}

const hour = 3_600_000;
const week = 7 * 24 * hour;

export function createWeeklyBuilds(options: WeeklyBuildsOptions): WeeklyBuilds {
  const { clock } = options;
  let cancel = () => {};
  let stopped = false;

  function schedule(): void {
    cancel = clock.after(hour, () => {
      void buildWhatIsDue(options)
        .catch(options.onBug)
        .finally(() => {
          if (!stopped) schedule();
        });
    });
  }

  return {
    start: schedule,
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}

/** Starts the build of each supported maintenance branch that had none for a week, taken in or cut that long ago. */
export async function buildWhatIsDue(options: Omit<WeeklyBuildsOptions, "onBug">): Promise<readonly string[]> {
  const { store, clock } = options;
  const started: string[] = [];
  for (const component of options.family().components) {
    if (component.kind === "internal") continue;
    const now = clock.now();
    const heads = await store.db
      .selectFrom("refs")
      .select(["name", "object", "seen_at"])
      .where("component", "=", component.name)
      .where("name", "like", "refs/heads/release-%")
      .execute();
    const supported = heads
      .filter((head) => lineOfBranch(head.name.slice("refs/heads/".length)) !== undefined)
      .sort((a, b) => b.name.localeCompare(a.name, "en", { numeric: true }))
      .slice(0, component.supportedLines);
    for (const head of supported) {
      const last = await store.db
        .selectFrom("runs")
        .select((eb) => eb.fn.max("created_at").as("at"))
        .where("component", "=", component.name)
        .where("ref", "=", head.name)
        .where("type", "=", "postsubmit")
        .executeTakeFirst();
      if (now - Math.max(Number(last?.at ?? 0), head.seen_at) < week) continue;
      await options.intake.submit(component.name, async () => ({
        kind: "push",
        component: component.name,
        ref: head.name,
        before: head.object,
        after: head.object,
        files: undefined,
        actor: undefined,
        at: now,
      }));
      started.push(`${component.name} ${head.name}`);
    }
  }
  return started;
}
