import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import { mayMaintain, type Principal } from "../family/index.ts";
import { findRelease, type StoredRelease } from "../release/index.ts";
import { appendFeed, type Trx } from "../store/index.ts";
import { type FactSources, maintainersOf } from "./facts.ts";

export type NoteResult = "pass" | "fail";

/** What people say of releases that were made. Faults: `not-found`, `forbidden`, `refused`. */
export interface VerdictActs {
  /** Marks a published release as not to be used. Its bytes and its tag stay: nothing that was pulled changes meaning. */
  withdraw(id: string, reason: string, by: Principal): Promise<Result<{ readonly id: string }>>;
  /** Keeps the result of a test that a person did; a failed candidate refuses its final version. */
  note(
    id: string,
    note: { readonly result: NoteResult; readonly text: string },
    by: Principal,
  ): Promise<Result<{ readonly id: string }>>;
}

export function createVerdictActs(options: FactSources & { readonly clock: Clock }): VerdictActs {
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

  return {
    withdraw: async (id, reason, by) => {
      const release = await judged(id, by, "withdraw");
      if (!release.ok) return release;
      const { state } = release.value;
      if (state !== "published")
        return err(
          fault("refused", `${id} is ${state}; only what was published can be withdrawn`, {
            hint: state === "quarantined" ? "delete its tag: that closes it" : `fairlead why ${id}`,
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
        if (done) await record(trx, release.value, "withdrawn", sentence, by, at);
      });
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
