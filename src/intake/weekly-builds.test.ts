import { afterEach, beforeEach, expect, it } from "vitest";
import { idOf, sampleComponent, sampleFamily } from "../../test/fixtures/sample-model.ts";
import { ManualClock } from "../core/index.ts";
import { openStore, type Store } from "../store/index.ts";
import type { StoredEvent } from "./records.ts";
import { buildWhatIsDue } from "./weekly-builds.ts";

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1);
let store: Store;
let clock: ManualClock;
let submitted: StoredEvent[];

beforeEach(async () => {
  store = await openStore("sqlite::memory:");
  clock = new ManualClock(start);
  submitted = [];
});
afterEach(() => store.close());

async function branch(name: string, seenAt = start): Promise<void> {
  await store.db
    .insertInto("refs")
    .values({
      component: "greeter",
      name: `refs/heads/${name}`,
      object: idOf("a"),
      commit_id: idOf("a"),
      adopted: 1,
      seen_at: seenAt,
    })
    .execute();
}

function look(supportedLines = 3): Promise<readonly string[]> {
  const family = sampleFamily({
    components: [sampleComponent({ supportedLines }), sampleComponent({ name: "tools", kind: "internal" })],
  });
  return buildWhatIsDue({
    store,
    clock,
    family: () => family,
    intake: {
      submit: async (_, prepare) => {
        const event = await store.transaction(prepare);
        if (event) submitted.push(event);
        return [];
      },
    },
  });
}

it("builds a maintenance branch that nobody built for a week, at the commit it is at", async () => {
  await branch("release-1.2");
  await branch("main");
  await branch("release-tools");
  clock.advance(7 * day - 1);
  expect(await look()).toEqual([]);
  clock.advance(1);
  expect(await look()).toEqual(["greeter refs/heads/release-1.2"]);
  expect(submitted).toMatchObject([
    { kind: "push", ref: "refs/heads/release-1.2", before: idOf("a"), after: idOf("a"), actor: undefined },
  ]);
});

it("builds the newest lines only, as many as are supported", async () => {
  for (const name of ["release-1.2", "release-1.10", "release-1.9"]) await branch(name);
  clock.advance(8 * day);
  expect(await look(2)).toEqual(["greeter refs/heads/release-1.10", "greeter refs/heads/release-1.9"]);
  expect(await look(0)).toEqual([]);
});
