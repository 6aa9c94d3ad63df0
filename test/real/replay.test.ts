import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPast } from "../../src/compose/past.ts";
import { must } from "../../src/core/index.ts";
import { bumpBetween, isFinalTag, parseVersionTag } from "../../src/family/index.ts";
import { type PreflightFacts, pinChanges, policyFor, preflight } from "../../src/policy/index.ts";
import { bumpAsked } from "../../src/policy/pin-changes.ts";
import { run } from "../fixtures/programs.ts";
import { program } from "../fixtures/served-program.ts";
import { knownMistakes } from "./known-mistakes.ts";
import { eightComponents, lacking, mirrorOf, moreComponents, organisation } from "./repositories.ts";

/** After the last mistake that history knows; releases since then are all as people meant them. */
const flawlessSince = "2025-03-13";
const here = [...eightComponents, ...moreComponents].filter((component) => mirrorOf(component) !== undefined);
const why = lacking(eightComponents);

interface Replay {
  readonly tags: number;
  readonly releases: number;
  readonly refused: readonly { readonly tag: string; readonly rules: readonly string[]; readonly at?: string }[];
  readonly warned: readonly { readonly tag: string; readonly rules: readonly string[] }[];
  readonly byRule: Readonly<Record<string, { readonly refused: number; readonly warned: number }>>;
}

describe.skipIf(why)(`replay over the public repositories${why ? ` (skipped: ${why})` : ""}`, () => {
  let folder: string;
  const replays = new Map<string, Replay>();
  const seconds = new Map<string, number>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fairlead-replay-"));
    const urls = here.map((component) => `file://${mirrorOf(component)}`);
    const config = join(folder, "fairlead.yaml");
    const written = await run(
      process.execPath,
      [program, "init", "--family", organisation, "--config", config, ...urls],
      {
        timeout: 1_800_000,
      },
    );
    expect(written.stderr + written.stdout).toContain(`wrote ${config}`);
    for (const component of here) {
      const started = performance.now();
      const ended = await run(process.execPath, [program, "replay", component, "--json", "--config", config], {
        timeout: 600_000,
      });
      expect(ended.code, ended.stderr).toBe(0);
      replays.set(component, JSON.parse(ended.stdout));
      seconds.set(component, (performance.now() - started) / 1000);
    }
  });
  afterAll(async () => {
    tell(replays, seconds);
    await rm(folder, { recursive: true, force: true });
  });

  it("takes what pins the others for a deployment, what is never tagged for internal, and nothing else", async () => {
    const text = await readFile(join(folder, "fairlead.yaml"), "utf8");
    const kinds = Object.fromEntries(
      [...text.matchAll(/^ {2}(\S+):\n {4}.*\n {4}kind: (\w+)/gm)].map((m) => [m[1], m[2]]),
    );
    expect(Object.keys(kinds).filter((name) => kinds[name] === "deployment")).toEqual(["csi-driver-host-path"]);
    expect(Object.keys(kinds).filter((name) => kinds[name] === "internal")).toEqual(["csi-release-tools"]);
  });

  it.each(here)("%s: refuses exactly the mistakes that people made", (component) => {
    const refused = replays.get(component)?.refused ?? [];
    expect(Object.fromEntries(refused.map(({ tag, rules }) => [tag, [...rules].sort()]))).toEqual(
      Object.fromEntries(
        Object.entries(knownMistakes[component] ?? {}).map(([tag, { rules }]) => [tag, [...rules].sort()]),
      ),
    );
  });

  it(`refuses nothing since ${flawlessSince}`, () => {
    const late = here.flatMap((component) =>
      (replays.get(component)?.refused ?? []).filter((each) => (each.at ?? "") >= flawlessSince),
    );
    expect(late).toEqual([]);
  });

  it("reads hundreds of tags", () => {
    const releases = eightComponents.map((component) => replays.get(component)?.releases ?? 0);
    expect(releases.reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(330);
  });
});

interface Transition {
  readonly from: string;
  readonly to: string;
  readonly bump: string;
  readonly asked: string;
  /** Image, tag before, tag after, what kind of change, in which deployments. */
  readonly changes: readonly (readonly [string, string | null, string | null, string, readonly string[]])[];
}

const noDriver = lacking(["csi-driver-host-path"]);
describe.skipIf(noDriver)(`pins of csi-driver-host-path${noDriver ? ` (skipped: ${noDriver})` : ""}`, () => {
  let transitions: readonly Transition[];
  let facts: readonly PreflightFacts[];
  beforeAll(async () => {
    transitions = JSON.parse(await readFile(new URL("./hostpath-transitions.json", import.meta.url), "utf8"));
    const nowhere = join(tmpdir(), "fairlead-no-family");
    const past = await readPast({
      subject: mirrorOf("csi-driver-host-path") ?? "",
      cwd: tmpdir(),
      config: join(nowhere, "fairlead.yaml"),
      home: nowhere,
      deployment: true,
      progress: () => {},
    });
    facts = must(past).facts;
  });

  it("changed from final to final as history shows, change by change", () => {
    expect(transitions.length).toBe(26);
    expect(transitions.map((each) => between(facts, each.from, each.to))).toEqual(transitions.map(sorted));
  });

  it.each([
    [
      "bump-strict",
      [
        "v1.2.0",
        "v1.3.0",
        "v1.4.0",
        "v1.5.0",
        "v1.7.3",
        "v1.8.0",
        "v1.9.0",
        "v1.10.0",
        "v1.13.0",
        "v1.14.0",
        "v1.18.0",
      ],
    ],
    ["bump-relaxed", ["v1.7.3"]],
  ])("break %s at these finals", (rule, tags) => {
    const policy = policyFor({ all: {}, byComponent: {} }, "csi-driver-host-path");
    const broken = facts.filter(
      (each) => isFinalTag(each.tag) && preflight(each, policy).findings.some((finding) => finding.rule === rule),
    );
    expect(broken.map((each) => each.tag)).toEqual(tags);
  });
});

function between(facts: readonly PreflightFacts[], from: string, to: string): Transition {
  const pinsOf = (tag: string) => {
    const history = facts.find((each) => each.tag === tag)?.history;
    const pins = history && "value" in history ? history.value.contents.pins : undefined;
    if (!pins || !("value" in pins)) throw new Error(`the pins of ${tag} are not known`);
    return pins.value;
  };
  const changes = pinChanges(pinsOf(from), pinsOf(to), "csi-driver-host-path");
  return sorted({
    from,
    to,
    bump: bumpBetween(version(from), version(to)),
    asked: bumpAsked(changes),
    changes: changes.map((each) => [
      each.image,
      each.from ?? null,
      each.to ?? null,
      each.change === "unknown" ? "unparsable" : each.change,
      each.deployments,
    ]),
  });
}

function sorted(transition: Transition): Transition {
  const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  return { ...transition, changes: [...transition.changes].sort(byText) };
}

function version(tag: string) {
  return must(parseVersionTag(tag));
}

function tell(replays: ReadonlyMap<string, Replay>, seconds: ReadonlyMap<string, number>): void {
  const rules = [...new Set([...replays.values()].flatMap((each) => Object.keys(each.byRule)))].sort();
  const row = (cells: readonly (string | number)[]) => console.log(cells.join("\t"));
  row(["component", "tags", "releases", "refused", "warned", "seconds"]);
  for (const [component, each] of replays)
    row([
      component,
      each.tags,
      each.releases,
      each.refused.length,
      each.warned.length,
      (seconds.get(component) ?? 0).toFixed(1),
    ]);
  row(["rule", "refused", "warned"]);
  for (const rule of rules) {
    const sum = (of: "refused" | "warned") =>
      [...replays.values()].reduce((all, each) => all + (each.byRule[rule]?.[of] ?? 0), 0);
    row([rule, sum("refused"), sum("warned")]);
  }
  for (const [component, each] of replays)
    for (const { tag, rules: broken } of each.refused)
      row([`${component} ${tag}`, broken.join(", "), knownMistakes[component]?.[tag]?.because ?? "NOT EXPLAINED"]);
}
