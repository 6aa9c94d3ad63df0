import { describe, expect, it } from "vitest";
import { until } from "../../test/fixtures/until.ts";
import { countingIds, ManualClock, ok } from "../core/index.ts";
import { openStore } from "../store/index.ts";
import { type CrashPoint, dieAt, parseCrashPoint } from "./crash-points.ts";
import { createJournal } from "./journal.ts";

describe("crash points", () => {
  it.each([
    ["3:effect", { entry: 3, moment: "effect" }],
    ["1:before", { entry: 1, moment: "before" }],
    ["12:written", { entry: 12, moment: "written" }],
    [undefined, undefined],
    ["", undefined],
    ["0:effect", undefined],
    ["-1:effect", undefined],
    ["1.5:effect", undefined],
    ["x:effect", undefined],
    ["3", undefined],
    ["3:after", undefined],
  ])("%s is %j", (text, point) => expect(parseCrashPoint(text)).toEqual(point));

  it.each<[CrashPoint, { committed: number; effects: number; recorded: number }]>([
    [
      { entry: 2, moment: "before" },
      { committed: 1, effects: 1, recorded: 1 },
    ],
    [
      { entry: 2, moment: "written" },
      { committed: 2, effects: 1, recorded: 1 },
    ],
    [
      { entry: 2, moment: "effect" },
      { committed: 2, effects: 2, recorded: 1 },
    ],
  ])("%j leaves %j", async (point, left) => {
    const store = await openStore("sqlite::memory:");
    const clock = new ManualClock();
    let deaths = 0;
    let effects = 0;
    const die = (): never => {
      deaths += 1;
      throw new Error("dead");
    };
    const inner = createJournal({ store, clock, ids: countingIds(), owner: "me", alone: true, onBug: () => undefined });
    const journal = dieAt(point, inner, die);
    const perform = async () => {
      effects += 1;
      return ok(async () => undefined);
    };
    await journal.start([{ kind: "effect", perform, onFailure: async () => undefined }]);
    for (const body of ["first", "second"]) {
      const written = store.transaction((trx) => journal.write(trx, { kind: "effect", subject: body, body }));
      await written.catch(() => undefined);
      journal.poke();
      await until(async () => deaths > 0 || (await journal.openEntries()) === 0);
    }
    await journal.stop();
    const rows = await store.db.selectFrom("journal").select("state").execute();
    expect(deaths).toBe(1);
    expect({ committed: rows.length, effects, recorded: rows.filter((row) => row.state === "done").length }).toEqual(
      left,
    );
    await store.close();
  });
});
