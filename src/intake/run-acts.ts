import { type Clock, err, fault, type Ids, ok, type Result } from "../core/index.ts";
import { mayMaintain, type Principal, roleAtLeast } from "../family/index.ts";
import type { Refs } from "../jobs/index.ts";
import { findRelease, mayFollow } from "../release/index.ts";
import { findRun, insertRun, requestAbort, runOf } from "../runs/index.ts";
import { appendFeed } from "../store/index.ts";
import type { FactSources } from "./facts.ts";
import { insertReleaseLane, judgedBy } from "./lane-facts.ts";
import { findChange } from "./records.ts";

export interface RunActsOptions extends FactSources {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly onRuns: () => void;
}

/** What people do to runs: again, or no further. */
export interface RunActs {
  /** Answers the new run's id. A change's run is made with the base and head as they are now, unless the change brought the job. */
  rerun(runId: string, by: Principal): Promise<Result<string>>;
  abort(runId: string, reason: string, by: Principal): Promise<Result<void>>;
}

export function createRunActs(options: RunActsOptions): RunActs {
  const { store, clock, ids } = options;

  async function runFor(runId: string, by: Principal) {
    const row = await findRun(store, runId);
    if (!row) return err(fault("not-found", `there is no run ${runId}`, { hint: "fairlead runs" }));
    const component = options.family().components.find((candidate) => candidate.name === row.component);
    if (!component) return err(fault("not-found", `${row.component} is no component any more`));
    const mine =
      row.change_number !== null &&
      roleAtLeast(by.role, "contributor") &&
      (await isAuthor(row.component, row.change_number, by));
    if (!mayMaintain(by, component) && !mine) {
      return err(
        fault("forbidden", `${by.user} may not act on runs of ${row.component}`, {
          hint: "ask one of its maintainers",
        }),
      );
    }
    return ok({ row, component });
  }

  async function isAuthor(component: string, number: number, by: Principal): Promise<boolean> {
    return (await findChange(store, component, number))?.author === by.user;
  }

  async function freshRefs(refs: Refs, component: string, number: number): Promise<Result<Refs>> {
    const change = await findChange(store, component, number);
    if (change?.state !== "open") return err(fault("refused", `change ${number} is ${change?.state ?? "gone"}`));
    const repository = await options.git.open(component);
    const baseSha = (await repository.commitOf(`refs/heads/${change.base}`)) ?? change.base_sha;
    return ok({ ...refs, base_sha: baseSha, pulls: (refs.pulls ?? []).map((pull) => ({ ...pull, sha: change.head })) });
  }

  return {
    rerun: async (runId, by) => {
      const found = await runFor(runId, by);
      if (!found.ok) return found;
      const { row } = found.value;
      const run = runOf(row);
      if (row.state === "triggered" || row.state === "pending")
        return err(fault("refused", `the run is ${row.state}; it has not ended yet`));
      const fresh = run.change === undefined ? ok(run.refs) : await freshRefs(run.refs, run.component, run.change);
      // A job that the change brought itself is tied to what it was read from: on another head it would be another job.
      const refs = fresh.ok && run.job.inRepo === true ? ok(run.refs) : fresh;
      if (!refs.ok) return refs;
      if (run.releaseId !== undefined) {
        const release = await findRelease(store, run.releaseId);
        if (!release || !mayFollow(release.state, "building")) {
          return err(
            fault("refused", `release ${run.releaseId} is ${release?.state ?? "gone"}: it is not built again`),
          );
        }
      }
      const id = ids.uuid();
      const at = clock.now();
      await store.transaction(async (trx) => {
        if (run.releaseId !== undefined) {
          const set = {
            state: "building" as const,
            run_id: id,
            building_at: at,
            ended_at: null,
            reason: `being built again, asked by ${by.user}`,
          };
          await trx
            .updateTable("releases")
            .set(set)
            .where("id", "=", run.releaseId)
            .where("state", "=", "failed")
            .execute();
          await appendFeed(store, trx, [
            { at, topic: "release", component: run.component, subject: run.releaseId, state: "building" },
          ]);
        }
        await insertRun(store, trx, {
          id,
          planned: {
            job: run.job,
            type: run.type,
            component: run.component,
            refs: refs.value,
            ref: run.ref,
            change: run.change,
            tier: run.tier,
            rule: "rerun",
            reason: `run again by ${by.user}`,
          },
          eventId: row.event_id,
          configHash: options.family().configHash,
          releaseId: run.releaseId,
          rerunOf: run.id,
          at,
        });
        const judged = await judgedBy(trx, run.id);
        if (judged !== undefined) await insertReleaseLane(trx, { release: judged, run: id, job: run.job.name, at });
      });
      options.onRuns();
      return ok(id);
    },
    abort: async (runId, reason, by) => {
      const found = await runFor(runId, by);
      if (!found.ok) return found;
      const { state } = found.value.row;
      if (state !== "triggered" && state !== "pending")
        return err(fault("refused", `the run has ended already: ${state}`));
      await store.transaction((trx) =>
        requestAbort(store, trx, ids, clock.now(), runId, `aborted by ${by.user}: ${reason}`),
      );
      options.onRuns();
      return ok(undefined);
    },
  };
}
