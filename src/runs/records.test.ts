import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { idOf, sampleJob } from "../../test/fixtures/sample-model.ts";
import { ManualClock } from "../core/index.ts";
import { openStore, type Store } from "../store/index.ts";
import type { Run } from "./model.ts";
import { claimRun, findRun, insertRun, requestAbort, requeueStopped, runOf, waitingRuns } from "./records.ts";

const clock = new ManualClock();
const why = "Pod was evicted by the cluster: The node was low on resource: memory.";
let store: Store;

beforeEach(async () => {
  store = await openStore("sqlite::memory:");
  await store.transaction(async (trx) => {
    await trx
      .insertInto("events")
      .values({ id: "e", component: "greeter", kind: "push", body: "{}", at: 1, state: "new", decided_at: null })
      .execute();
    await insertRun(store, trx, {
      id: "run",
      planned: {
        job: sampleJob({ name: "unit" }),
        type: "postsubmit",
        component: "greeter",
        tier: "branch",
        refs: { org: "tools", repo: "greeter", base_ref: "main", base_sha: idOf("b") },
        ref: "refs/heads/main",
        change: undefined,
        rule: "always-run",
        reason: "a push",
      },
      eventId: "e",
      configHash: "f",
      releaseId: undefined,
      rerunOf: undefined,
      at: clock.now(),
    });
  });
});
afterEach(() => store.close());

async function current(): Promise<Run> {
  const row = await findRun(store, "run");
  if (!row) throw new Error("the run is gone");
  return runOf(row);
}

async function claimed(): Promise<{ readonly run: Run; readonly claim: { buildId: string; fencing: number } }> {
  const run = await current();
  const claim = await claimRun(store, clock, "server", 60_000, run);
  if (!claim) throw new Error("the run was not claimed");
  return { run, claim };
}

const states = async () =>
  (await store.db.selectFrom("feed").select("state").orderBy("seq").execute()).map((row) => row.state);

describe("a run whose attempt its surroundings ended", () => {
  it("waits again, says why, and is claimed as the next attempt with another build id", async () => {
    const { run, claim } = await claimed();
    clock.advance(5_000);
    expect(await requeueStopped(store, clock, run, claim, why)).toBe(true);
    expect(await findRun(store, "run")).toMatchObject({
      state: "triggered",
      description: `started again: ${why}`,
      lease_owner: null,
      lease_until: null,
      finished_at: null,
    });
    expect((await waitingRuns(store, 5)).map((each) => each.id)).toEqual(["run"]);
    const again = await claimed();
    expect(again.claim.buildId).not.toBe(claim.buildId);
    const attempts = await store.db
      .selectFrom("attempts")
      .select(["attempt", "outcome", "finished_at"])
      .orderBy("attempt")
      .execute();
    expect(attempts).toEqual([
      { attempt: 1, outcome: `lost: ${why}`, finished_at: clock.now() },
      { attempt: 2, outcome: null, finished_at: null },
    ]);
    expect(await states()).toEqual(["triggered", "pending", "triggered", "pending"]);
    expect((await store.db.selectFrom("events").select("kind").execute()).map((row) => row.kind)).toEqual(["push"]);
  });

  it("is not started again when it was to be aborted meanwhile", async () => {
    const { run, claim } = await claimed();
    await store.transaction((trx) => requestAbort(store, trx, { uuid: () => "u" }, clock.now(), "run", "superseded"));
    expect(await requeueStopped(store, clock, run, claim, why)).toBe(false);
    expect(await findRun(store, "run")).toMatchObject({ state: "pending", abort_reason: "superseded" });
    expect(await states()).toEqual(["triggered", "pending"]);
  });

  it("is left alone by a server that lost it to another, and put back once only", async () => {
    const { run, claim } = await claimed();
    expect(await requeueStopped(store, clock, run, { ...claim, fencing: claim.fencing - 1 }, why)).toBe(false);
    expect(await findRun(store, "run")).toMatchObject({ state: "pending", description: "running" });
    expect(await requeueStopped(store, clock, run, claim, why)).toBe(true);
    expect(await requeueStopped(store, clock, run, claim, why)).toBe(false);
    expect(await states()).toEqual(["triggered", "pending", "triggered"]);
  });
});
