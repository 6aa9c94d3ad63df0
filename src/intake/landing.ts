import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import { mayMaintain, type Principal } from "../family/index.ts";
import type { Forge } from "../forge/index.ts";
import type { EffectHandler, Journal } from "../journal/index.ts";
import { appendFeed } from "../store/index.ts";
import { type FactSources, maintainersOf } from "./facts.ts";
import { readGate } from "./gate-facts.ts";
import type { Intake } from "./intake.ts";
import { findChange } from "./records.ts";

/** Body of a `land-change` entry: everything that was decided, so that doing it looks up nothing. */
interface LandOrder {
  readonly component: string;
  readonly number: number;
  readonly base: string;
  readonly baseSha: string;
  readonly head: string;
  readonly commit: string;
  readonly by: Principal;
  readonly override: string | undefined;
}

export interface LandingOptions extends FactSources {
  readonly clock: Clock;
  readonly ids: { uuid(): string };
  readonly journal: Journal;
  readonly forge: Forge;
  readonly intake: Intake;
  /** A branch moved: its push is to be decided. Called after a landing that an earlier process began, too. */
  readonly onLanded: (component: string) => void;
}

export interface Landing {
  /**
   * Merges a change if its gate is open, or a maintainer overrides with a reason that is kept. Faults: `not-found`,
   * `forbidden`, `refused` (facts: missing, conflicts), `conflict` (its base moved meanwhile). Checks that ran merged with
   * an older base are started again, and the answer says so.
   */
  merge(
    component: string,
    number: number,
    by: Principal,
    override: string | undefined,
  ): Promise<Result<{ readonly commit: string; readonly base: string }>>;
  readonly handler: EffectHandler<LandOrder>;
}

export function createLanding(options: LandingOptions): Landing {
  const { store, clock } = options;
  const waiting = new Map<string, (outcome: Result<void>) => void>();

  async function merge(
    name: string,
    number: number,
    by: Principal,
    override: string | undefined,
  ): Promise<Result<{ readonly commit: string; readonly base: string }>> {
    const component = options.family().components.find((candidate) => candidate.name === name);
    const change = component && (await findChange(store, name, number));
    if (!component || !change)
      return err(fault("not-found", `${name} has no change ${number}`, { hint: "fairlead changes" }));
    if (!mayMaintain(by, component))
      return err(
        fault("forbidden", `${by.user} may not merge changes of ${name}`, {
          hint: `${maintainersOf(component)} may`,
        }),
      );
    if (change.state !== "open") return err(fault("refused", `change ${number} is ${change.state}`));
    const repository = await options.git.open(name);
    const defaultBranch = component.defaultBranch ?? (await repository.defaultBranch()) ?? "main";
    const read = await readGate(options, repository, change, defaultBranch, clock.now());
    if (!read) return err(fault("refused", `there is no branch ${change.base} any more`));
    const { answer, baseSha, tree } = read;
    const facts = { missing: answer.missing, conflicts: answer.conflicts, required: answer.required };
    if (tree === undefined) {
      return err(
        fault("refused", `change ${number} ${answer.reason}`, {
          hint: `rebase it on ${change.base} and push to refs/changes/${number}`,
          facts,
        }),
      );
    }
    if (!answer.allowed && override === undefined) {
      if (answer.stale && answer.missing.every((each) => /tested/.test(each.why))) {
        await testAgain(name, number, baseSha, by);
        return err(
          fault("refused", `change ${number}: ${answer.reason}; its checks were started again`, {
            hint: "merge it when they are green",
            facts,
          }),
        );
      }
      return err(
        fault("refused", `change ${number} may not be merged: ${answer.reason}`, {
          hint: `mend it and push to refs/changes/${number}, or, on the record: fairlead merge ${name} ${number} --override REASON`,
          facts,
        }),
      );
    }
    const at = clock.now();
    const commit = await repository.commitTree({
      tree,
      parents: [baseSha, change.head],
      message: `Merge change ${number}: ${change.title}\n\nMerged-by: ${by.user}${override === undefined ? "" : `\nOverride: ${override}`}\n`,
      author: { name: by.user, email: `${by.user}@fairlead.invalid` },
      at,
    });
    const order: LandOrder = {
      component: name,
      number,
      base: change.base,
      baseSha,
      head: change.head,
      commit,
      by,
      override: answer.allowed ? undefined : override,
    };
    const landed = await land(order, at);
    if (!landed.ok) return landed;
    await options.intake.reconcile(name);
    return ok({ commit, base: change.base });
  }

  async function testAgain(component: string, number: number, baseSha: string, by: Principal): Promise<void> {
    await options.intake.submit(component, async (trx) => {
      const at = clock.now();
      await trx
        .updateTable("changes")
        .set({ base_sha: baseSha, updated_at: at })
        .where("component", "=", component)
        .where("number", "=", number)
        .execute();
      return { kind: "change", action: "base-moved", component, number, actor: by, at };
    });
  }

  async function land(order: LandOrder, at: number): Promise<Result<void>> {
    const key = `${order.component}#${order.number}`;
    const outcome = new Promise<Result<void>>((done) => waiting.set(key, done));
    await store.transaction(async (trx) => {
      await trx
        .insertInto("pushes")
        .values({
          id: options.ids.uuid(),
          component: order.component,
          ref: `refs/heads/${order.base}`,
          before_id: order.baseSha,
          after_id: order.commit,
          actor: JSON.stringify(order.by),
          at,
        })
        .execute();
      await options.journal.write(trx, { kind: "land-change", subject: key, body: order });
    });
    options.journal.poke();
    return await outcome;
  }

  const handler: EffectHandler<LandOrder> = {
    kind: "land-change",
    perform: async (entry) => {
      const order = entry.body;
      const repository = await options.git.open(order.component);
      const ref = `refs/heads/${order.base}`;
      const now = await repository.commitOf(ref);
      const there = now !== undefined && (now === order.commit || (await repository.isAncestor(order.commit, now)));
      if (!there) {
        const moved = await options.forge.land(order.component, order.base, order.baseSha, order.commit);
        if (!moved.ok)
          return err(
            fault("conflict", `${order.base} moved while change ${order.number} was being merged`, {
              hint: "merge it again",
            }),
          );
      }
      return ok(async (trx) => {
        const at = clock.now();
        await trx
          .updateTable("changes")
          .set({
            state: "merged",
            merged_at: at,
            merged_commit: order.commit,
            merged_by: order.by.user,
            override_reason: order.override ?? null,
            updated_at: at,
          })
          .where("component", "=", order.component)
          .where("number", "=", order.number)
          .where("state", "=", "open")
          .execute();
        await appendFeed(store, trx, [
          {
            at,
            topic: "change",
            component: order.component,
            subject: `${order.component}#${order.number}`,
            state: "merged",
          },
        ]);
        settle(order, ok(undefined));
      });
    },
    onFailure: async (entry, message) =>
      settle(entry.body, err(fault("conflict", message, { hint: "merge it again" }))),
  };

  function settle(order: LandOrder, outcome: Result<void>): void {
    const key = `${order.component}#${order.number}`;
    const done = waiting.get(key);
    waiting.delete(key);
    if (done) done(outcome);
    else if (outcome.ok) options.onLanded(order.component);
  }

  return { merge, handler };
}
