import { type Clock, err, fault, type Ids, ok, type Result } from "../core/index.ts";
import { mayMaintain, type Principal } from "../family/index.ts";
import type { Forge } from "../forge/index.ts";
import type { Journal } from "../journal/index.ts";
import { findRelease, mayFollow, orderWithdrawal, type StoredRelease } from "../release/index.ts";
import { appendFeed, type Trx } from "../store/index.ts";
import { type FactSources, maintainersOf } from "./facts.ts";
import type { Intake } from "./intake.ts";

export type NoteResult = "pass" | "fail";

/** What people say of releases that were made. Faults: `not-found`, `forbidden`, `refused`. */
export interface VerdictActs {
  /**
   * Marks a published release as not to be used: its bytes and its tag stay, and nothing that was pulled changes meaning.
   * Before anything was published it takes the tag back, which closes the release and ends its build.
   */
  withdraw(id: string, reason: string, by: Principal): Promise<Result<{ readonly id: string }>>;
  /** Keeps the result of a test that a person did; a failed candidate refuses its final version. */
  note(
    id: string,
    note: { readonly result: NoteResult; readonly text: string },
    by: Principal,
  ): Promise<Result<{ readonly id: string }>>;
}

export interface VerdictActsOptions extends FactSources {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly forge: Pick<Forge, "setTag">;
  readonly journal: Pick<Journal, "write" | "poke">;
  readonly intake: Pick<Intake, "reconcile">;
}

const absent = "0".repeat(40);

export function createVerdictActs(options: VerdictActsOptions): VerdictActs {
  const { store, clock } = options;

  async function judged(id: string, by: Principal, what: string): Promise<Result<StoredRelease>> {
    const release = await findRelease(store, id);
    if (!release) return err(fault("not-found", `there is no release ${id}`, { hint: "fairlead releases" }));
    const component = options.family().components.find((candidate) => candidate.name === release.component);
    if (component && mayMaintain(by, component)) return ok(release);
    return err(
      fault("forbidden", `${by.user} may not ${what} releases of ${release.component}`, {
        hint: `${maintainersOf(component)} may`,
      }),
    );
  }

  async function record(trx: Trx, release: StoredRelease, state: string, reason: string, by: Principal, at: number) {
    await trx
      .insertInto("decisions")
      .values({
        event_id: "",
        component: release.component,
        kind: state,
        subject: release.id,
        commit_id: release.commit_id,
        reason,
        body: JSON.stringify({ tokenId: by.tokenId }),
        config_hash: options.family().configHash,
        at,
      })
      .execute();
    await appendFeed(store, trx, [{ at, topic: "release", component: release.component, subject: release.id, state }]);
  }

  /** Nothing is public under the tag: it goes, as if whoever withdraws had deleted it. */
  async function takeBack(
    release: StoredRelease,
    reason: string,
    by: Principal,
  ): Promise<Result<{ readonly id: string }>> {
    const { id, component, version } = release;
    const ref = `refs/tags/${version}`;
    const repository = await options.git.open(component);
    const there = (await repository.refs()).find((each) => each.name === ref)?.object;
    if (there !== undefined && there !== release.tag_object)
      return err(
        fault("conflict", `${version} is another tag by now`, { hint: `fairlead releases --component ${component}` }),
      );
    const at = clock.now();
    const sentence = `withdrawn by ${by.user} before anything was published: ${reason}`;
    if (there !== undefined) {
      await store.db
        .insertInto("pushes")
        .values({
          id: options.ids.uuid(),
          component,
          ref,
          before_id: there,
          after_id: absent,
          actor: JSON.stringify(by),
          at,
        })
        .execute();
      const moved = await options.forge.setTag(component, version, there, absent);
      if (!moved.ok) return moved;
    }
    await options.intake.reconcile(component);
    let done = false;
    await store.transaction(async (trx) => {
      const told = await trx
        .updateTable("releases")
        .set({ reason: sentence })
        .where("id", "=", id)
        .where("state", "=", "closed")
        .executeTakeFirst();
      done = told.numUpdatedRows === 1n;
      if (done) await record(trx, release, "closed", sentence, by, at);
    });
    return done
      ? ok({ id })
      : err(fault("conflict", `${id} was published meanwhile`, { hint: `fairlead releases ${id}` }));
  }

  return {
    withdraw: async (id, reason, by) => {
      const release = await judged(id, by, "withdraw");
      if (!release.ok) return release;
      const { state } = release.value;
      if (mayFollow(state, "closed")) return await takeBack(release.value, reason, by);
      if (state !== "published")
        return err(
          fault("refused", `${id} is ${state}`, {
            hint: state === "publishing" ? "withdraw it when it is published" : `fairlead why ${id}`,
          }),
        );
      const at = clock.now();
      const sentence = `withdrawn by ${by.user}: ${reason}; do not use it, its bytes and its tag stay`;
      let done = false;
      await store.transaction(async (trx) => {
        const moved = await trx
          .updateTable("releases")
          .set({
            state: "withdrawn",
            reason: sentence,
            withdrawn_at: at,
            withdrawn_by: by.user,
            withdrawn_reason: reason,
          })
          .where("id", "=", id)
          .where("state", "=", "published")
          .executeTakeFirst();
        done = moved.numUpdatedRows === 1n;
        if (!done) return;
        await record(trx, release.value, "withdrawn", sentence, by, at);
        await orderWithdrawal(options.journal, trx, id, options.family().registries.release);
      });
      options.journal.poke();
      return done ? ok({ id }) : err(fault("conflict", `${id} is not published any more`));
    },
    note: async (id, { result, text }, by) => {
      const release = await judged(id, by, "note results on");
      if (!release.ok) return release;
      const { state } = release.value;
      if (state !== "published")
        return err(fault("refused", `${id} is ${state}; results are noted on what was published`));
      const at = clock.now();
      await store.transaction(async (trx) => {
        await trx.insertInto("release_notes").values({ release_id: id, result, text, by_user: by.user, at }).execute();
        const sentence = `${result === "pass" ? "passed" : "failed"} a test by ${by.user}${text === "" ? "" : `: ${text}`}`;
        await record(trx, release.value, "note", sentence, by, at);
      });
      return ok({ id });
    },
  };
}
