import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sampleFamily } from "../../../test/fixtures/sample-model.ts";
import { turns, until } from "../../../test/fixtures/until.ts";
import { err, fault, ManualClock, ok } from "../../core/index.ts";
import type { ImageRegistry } from "../../oci/index.ts";
import { openStore, type Store } from "../../store/index.ts";
import { createAuditor } from "./auditor.ts";
import { compareWithRecord } from "./compare.ts";
import type { RecordedTag, SeenImage } from "./model.ts";
import { remedyOf, sentenceOf } from "./sentences.ts";

const [a, b] = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`];

function recorded(over: Partial<RecordedTag> = {}): RecordedTag {
  return {
    release: "greeter@v1.0.0",
    component: "greeter",
    image: "greeter",
    tag: "v1.0.0",
    digest: a,
    complete: true,
    at: new Map([["one", "published"]]),
    ...over,
  };
}

function seen(
  tags: Readonly<Record<string, string | undefined>>,
  signed: readonly string[] = [],
  registry = "one",
): SeenImage {
  return { registry, image: "greeter", tags: new Map(Object.entries(tags)), signed: new Set(signed) };
}

const kindsOf = (record: readonly RecordedTag[], ...images: SeenImage[]) =>
  compareWithRecord(
    record,
    images,
    () => "greeter",
    (_, tag) => tag === "v0.1.0",
  ).map((finding) => `${finding.kind} ${finding.registry} ${finding.tag}`);

describe("registries compared with the record", () => {
  it("agree where each has what was published", () => {
    expect(kindsOf([recorded()], seen({ "v1.0.0": a }))).toEqual([]);
  });

  it("differ by a tag that moved, went, is missing, or was never published there", () => {
    expect(kindsOf([recorded()], seen({ "v1.0.0": b }))).toEqual(["moved one v1.0.0"]);
    expect(kindsOf([recorded()], seen({ "v1.0.0": undefined }))).toEqual(["deleted one v1.0.0"]);
    expect(kindsOf([recorded()], seen({ "v1.0.0": undefined }, [], "two"))).toEqual(["missing two v1.0.0"]);
    expect(kindsOf([recorded()], seen({ "v1.0.0": b }, [], "two"))).toEqual(["unexpected two v1.0.0"]);
    expect(kindsOf([], seen({ "v2.0.0": b }))).toEqual(["unexpected one v2.0.0"]);
  });

  it("do not differ by what is on its way, was withdrawn, or is older than Fairlead", () => {
    const going = recorded({ complete: false, at: new Map([["one", "wanted"]]) });
    expect(kindsOf([going], seen({ "v1.0.0": undefined }))).toEqual([]);
    expect(kindsOf([recorded({ complete: false })], seen({ "v1.0.0": undefined }, [], "two"))).toEqual([]);
    expect(kindsOf([], seen({ "v0.1.0": b }))).toEqual([]);
  });

  it("differ by a signature that only one of them has, and by none where nothing is signed", () => {
    const both = recorded({
      at: new Map([
        ["one", "published"],
        ["two", "published"],
      ]),
    });
    expect(kindsOf([both], seen({ "v1.0.0": a }, [a]), seen({ "v1.0.0": a }, [], "two"))).toEqual([
      "unsigned two v1.0.0",
    ]);
    expect(kindsOf([both], seen({ "v1.0.0": a }), seen({ "v1.0.0": a }, [], "two"))).toEqual([]);
  });

  it("are told in a sentence with what to do", () => {
    const finding = { kind: "moved" as const, registry: "one", image: "greeter", tag: "v1.0.0", expected: a, found: b };
    expect(sentenceOf(finding)).toBe(
      "one has other bytes under greeter:v1.0.0: sha256:bbbbbbbbbbbb, published was sha256:aaaaaaaaaaaa",
    );
    expect(remedyOf({ ...finding, kind: "missing", release: "greeter@v1.0.0" })).toBe(
      "fairlead promote greeter@v1.0.0 --registry one",
    );
  });
});

describe("the auditor", () => {
  let store: Store;
  beforeEach(async () => {
    store = await openStore("sqlite::memory:");
  });
  afterEach(() => store.close());

  /** A registry that only answers; whoever writes to it fails the test. */
  function registry(tags: () => readonly string[] | undefined): ImageRegistry {
    const never = () => {
      throw new Error("an audit writes nothing");
    };
    return {
      name: "one",
      tags: async () => {
        const all = tags();
        return all ? ok(all) : err(fault("unavailable", "one cannot be reached"));
      },
      resolve: async () => ok({ mediaType: "x", digest: b, size: 1 }),
      referrers: async () => ok([]),
      push: never,
      tag: never,
    };
  }

  function auditorOf(clock: ManualClock, tags: () => readonly string[] | undefined, auditEveryMs?: number) {
    const told: string[] = [];
    const bugs: unknown[] = [];
    const family = sampleFamily();
    const auditor = createAuditor({
      store,
      clock,
      family: () => ({ ...family, registries: { ...family.registries, auditEveryMs } }),
      registries: () => [registry(tags)],
      repositoryOf: (image) => `fam/${image}`,
      onFindings: (findings) => told.push(...findings.map(sentenceOf)),
      onBug: (error) => bugs.push(error),
    });
    return { auditor, told, bugs };
  }

  const open = async () =>
    (await store.db.selectFrom("audit_findings").selectAll().where("resolved_at", "is", null).execute()).map(
      (row) => row.id,
    );
  const alarms = async () =>
    (await store.db.selectFrom("decisions").select(["kind", "reason"]).execute()).map(
      (row) => `${row.kind}: ${row.reason}`,
    );

  it("tells a finding once, keeps it while the registry cannot be read, and knows when it is gone", async () => {
    const clock = new ManualClock();
    let tags: readonly string[] | undefined = ["v9.0.0", "canary"];
    const { auditor, told } = auditorOf(clock, () => tags);
    const [image] = sampleFamily().components[0]?.images ?? [];
    await auditor.audit();
    await auditor.audit();
    const sentence = `one has ${image}:v9.0.0 (sha256:bbbbbbbbbbbb), which was not published there`;
    expect([told, await alarms()]).toEqual([[sentence], [`alarm: ${sentence}`]]);
    tags = undefined;
    await auditor.audit();
    expect(await open()).toEqual([`unexpected|one|${image}|v9.0.0`]);
    const last = await store.db.selectFrom("audits").select("unread").orderBy("seq", "desc").executeTakeFirst();
    expect(JSON.parse(last?.unread ?? "")).toEqual([{ registry: "one", reason: "one cannot be reached" }]);
    tags = [];
    await auditor.audit();
    expect(await open()).toEqual([]);
    tags = ["v9.0.0"];
    await auditor.audit();
    expect(told).toHaveLength(2);
  });

  it("audits when it is due, and only then", async () => {
    const clock = new ManualClock();
    const { auditor, bugs } = auditorOf(clock, () => [], 3_600_000);
    const count = async () => (await store.db.selectFrom("audits").selectAll().execute()).length;
    auditor.start();
    clock.advance(60_000);
    await until(async () => (await count()) === 1, "the first audit");
    for (let minute = 0; minute < 30; minute++) {
      await turns(5);
      clock.advance(60_000);
    }
    await turns(50);
    expect(await count()).toBe(1);
    await until(async () => {
      clock.advance(60_000);
      await turns(5);
      return (await count()) === 2;
    }, "the second audit");
    await auditor.stop();
    expect(bugs).toEqual([]);
  });
});
