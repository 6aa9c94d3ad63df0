import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import { mayMaintain, type Principal } from "../family/index.ts";
import { saysOkToTest } from "../jobs/index.ts";
import { appendFeed } from "../store/index.ts";
import { type FactSources, maintainersOf } from "./facts.ts";
import type { Decided, Intake } from "./intake.ts";
import { findChange, type StoredChange } from "./records.ts";

export interface ChangeActsOptions extends FactSources {
  readonly clock: Clock;
  readonly intake: Intake;
}

/** What people do to changes besides pushing and merging. Faults: `not-found`, `forbidden`, `refused`. */
export interface ChangeActs {
  /** A maintainer lets the head commit of a stranger's change be tested. A new head needs it again. */
  allow(component: string, number: number, by: Principal): Promise<Result<{ readonly head: string }>>;
  close(component: string, number: number, by: Principal): Promise<Result<void>>;
  /**
   * Says something about a change; the commands of Prow in it are carried out (`/test NAME`, `/test all`, `/retest`,
   * `/ok-to-test`). Answers the runs that start and what Fairlead replies.
   */
  comment(
    component: string,
    number: number,
    text: string,
    by: Principal,
  ): Promise<
    Result<{
      readonly runs: readonly { readonly id: string; readonly job: string }[];
      readonly replies: readonly string[];
    }>
  >;
}

export function createChangeActs(options: ChangeActsOptions): ChangeActs {
  const { store, clock } = options;

  async function openChange(name: string, number: number) {
    const component = options.family().components.find((candidate) => candidate.name === name);
    const change = component && (await findChange(store, name, number));
    if (!component || !change)
      return err(fault("not-found", `${name} has no change ${number}`, { hint: "fairlead changes" }));
    if (change.state !== "open") return err(fault("refused", `change ${number} is ${change.state}`));
    return ok({ component, change });
  }

  async function submit(
    change: StoredChange,
    action: "allowed" | "closed",
    by: Principal,
    set: Partial<Pick<StoredChange, "allowed_head" | "state">>,
  ): Promise<readonly Decided[]> {
    const { component, number } = change;
    return await options.intake.submit(component, async (trx) => {
      const at = clock.now();
      await trx
        .updateTable("changes")
        .set({ ...set, updated_at: at })
        .where("component", "=", component)
        .where("number", "=", number)
        .where("head", "=", change.head)
        .execute();
      await appendFeed(store, trx, [
        { at, topic: "change", component, subject: `${component}#${number}`, state: action },
      ]);
      return { kind: "change", action, component, number, actor: by, at };
    });
  }

  return {
    allow: async (name, number, by) => {
      const found = await openChange(name, number);
      if (!found.ok) return found;
      const { component, change } = found.value;
      if (!mayMaintain(by, component))
        return err(
          fault("forbidden", `${by.user} may not allow changes of ${name}`, {
            hint: `${maintainersOf(component)} may`,
          }),
        );
      if (change.allowed_head === change.head) return ok({ head: change.head });
      await submit(change, "allowed", by, { allowed_head: change.head });
      return ok({ head: change.head });
    },
    comment: async (name, number, text, by) => {
      const found = await openChange(name, number);
      if (!found.ok) return found;
      const { component, change } = found.value;
      const allows = saysOkToTest(text) && mayMaintain(by, component) && change.allowed_head !== change.head;
      // Allowing is an act of its own, so that it outlives a crash before the comment is decided.
      const allowed = allows ? await submit(change, "allowed", by, { allowed_head: change.head }) : [];
      const commented = await options.intake.submit(name, async (trx) => {
        const at = clock.now();
        await appendFeed(store, trx, [
          { at, topic: "change", component: name, subject: `${name}#${number}`, state: "comment" },
        ]);
        return { kind: "comment", component: name, number, comment: text, actor: by, at };
      });
      const runs = new Map<string, string>();
      const replies: string[] = [];
      for (const { plan, runIds } of [...allowed, ...commented]) {
        if (plan.event.kind !== "comment" && plan.event.kind !== "change") continue;
        for (const [index, run] of plan.runs.entries()) runs.set(runIds[index] ?? "", run.job.name);
        for (const effect of plan.effects) if (effect.kind === "comment") replies.push(effect.text);
      }
      return ok({ runs: [...runs].map(([id, job]) => ({ id, job })), replies });
    },
    close: async (name, number, by) => {
      const found = await openChange(name, number);
      if (!found.ok) return found;
      const { component, change } = found.value;
      if (change.author !== by.user && !mayMaintain(by, component))
        return err(fault("forbidden", `change ${number} is ${change.author}'s`, { hint: "ask them, or a maintainer" }));
      await submit(change, "closed", by, { state: "closed" });
      return ok(undefined);
    },
  };
}
