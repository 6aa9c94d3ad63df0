import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  greeter,
  mergeAndWait,
  proposeAndWait,
  type RunRow,
  type ServedFamily,
  serveFamily,
} from "../fixtures/served-family.ts";

let family: ServedFamily;
let clone: string;

beforeAll(async () => {
  family = await serveFamily([greeter], ["prow: {inRepo: {enabled: {'*': true}}}"]);
  await family.start();
  clone = await family.clone("greeter");
}, 60_000);
afterAll(() => family.remove());

const job = (name: string, text: string, ...more: string[]) =>
  [
    `  - name: ${name}`,
    "    decorate: true",
    "    always_run: true",
    ...more,
    `    spec: {containers: [{command: [sh, -ec, ${JSON.stringify(text)}]}]}`,
    "",
  ].join("\n");
const post = (name: string, text: string) => `postsubmits:\n${job(name, text)}`;
const pre = (name: string, text: string, ...more: string[]) => `presubmits:\n${job(name, text, ...more)}`;

interface Whole extends RunRow {
  readonly job: string;
  readonly origin: string;
}
interface Change {
  readonly blockers: readonly string[];
  readonly ownTests: readonly string[];
  readonly inRepo: string | null;
  readonly required: { readonly runs: readonly { readonly job: string }[] };
}

async function fresh(): Promise<void> {
  await family.git(clone, "fetch", "-q", "origin");
  await family.git(clone, "reset", "-q", "--hard", "origin/main");
}

async function ended(name: string, change?: number): Promise<Whole> {
  const query = change === undefined ? "" : `&change=${change}`;
  const row = await family.until(`${name} to end`, async () => {
    const { items } = await family.api<{ items: Whole[] }>(`/runs?job=${name}${query}`);
    return items.find((run) => run.finished !== null);
  });
  return await family.api<Whole>(`/runs/${row.id}`);
}

const change = (number: number) => family.api<Change>(`/changes/greeter/${number}`);

describe("jobs that a repository brings itself", () => {
  let first: number;

  it("run on the change that brings them, merged with its base, and say whose version counts", async () => {
    const text = `${pre("greeter-own", "test -f brought")}${post("greeter-after", "test $JOB_TYPE = postsubmit")}`;
    const proposed = await proposeAndWait(family, clone, "greeter", { ".prow.yaml": text, brought: "x" });
    first = proposed.number;
    const run = await ended("greeter-own", first);
    expect(run).toMatchObject({ state: "success", type: "presubmit" });
    expect(run.origin).toMatch(/^\.prow\.yaml:2 of main at [0-9a-f]{7} merged with #\d+ at [0-9a-f]{7}$/);
    const shown = await change(first);
    expect(shown.ownTests).toEqual([".prow.yaml"]);
    expect(shown.inRepo).toMatch(/^this change edits its own jobs; those of main at .* merged with #1 at .* count$/);
    expect(shown.required.runs.map((each) => each.job)).toEqual(["fam-greeter-pr", "greeter-own"]);
  });

  it("are known to plan, to jobs once they are merged, and run after a push", async () => {
    const planned = await family.fairlead("plan", "change", "greeter", String(first), "--json");
    expect(JSON.parse(planned.stdout)).toMatchObject({
      runs: expect.arrayContaining([expect.objectContaining({ job: "greeter-own" })]),
    });
    await family.until("the generated job", async () => ((await ended("fam-greeter-pr", first)) ? true : undefined));
    await mergeAndWait(family, "greeter", first);
    expect((await ended("greeter-after")).state).toBe("success");
    const listed = await family.fairlead("jobs", "greeter");
    expect(listed.stdout).toMatch(
      /greeter-own +presubmit +greeter +required +on changes +\.prow\.yaml:2 of [0-9a-f]{7}/,
    );
    const checked = await family.fairlead("check");
    expect(checked.stdout).toContain("jobs of .prow.yaml or .prow/ count for greeter: read at the revision tested");
    const here = await family.fairlead("run", "greeter-own", "--json");
    expect(JSON.parse(here.stdout)).toMatchObject({ job: "greeter-own", state: "success" });
  });

  it("that cannot be read run not at all, hold the merge, and leave the family's jobs alone", async () => {
    await fresh();
    const text = pre("greeter-own", "true", "    max_concurrency: -1");
    const proposed = await proposeAndWait(family, clone, "greeter", { ".prow.yaml": text });
    const said = ".prow.yaml:5:22: max_concurrency is negative: -1 (0 is no bound)";
    expect(await ended("fam-greeter-pr", proposed.number)).toMatchObject({ state: "success" });
    const shown = await change(proposed.number);
    expect(shown.inRepo).toBe(said);
    expect(shown.blockers).toEqual([`the repository's own jobs cannot be read: ${said}`]);
    expect(shown.required.runs.map((each) => each.job)).toEqual(["fam-greeter-pr"]);
    const merged = await family.fairlead("merge", "greeter", String(proposed.number));
    expect(merged.code).toBe(1);
    expect(merged.stderr).toContain(`in-repo-jobs cannot be read: ${said}`);
    const page = await (await fetch(`${family.url()}/changes/greeter/${proposed.number}`)).text();
    expect(page).toContain("max_concurrency is negative");
  });

  it("that take the name of another job, or more than the family gives, are refused", async () => {
    await fresh();
    const taken = await proposeAndWait(family, clone, "greeter", { ".prow.yaml": pre("fam-greeter-pr", "true") });
    expect((await change(taken.number)).inRepo).toContain(
      ".prow.yaml:2:11: the name fam-greeter-pr belongs to a job of the family (choose another name) (and 1 more)",
    );
    await fresh();
    const mighty = pre("greeter-own", "true").replace("command:", "securityContext: {privileged: true}, command:");
    const proposed = await proposeAndWait(family, clone, "greeter", { ".prow.yaml": mighty });
    expect((await change(proposed.number)).inRepo).toMatch(
      /^\.prow\.yaml:5:\d+: a job of a repository is never privileged$/,
    );
  });

  it("are run again as they were recorded, whatever the change has become", async () => {
    await fresh();
    const own = pre("greeter-other", "true");
    const proposed = await proposeAndWait(family, clone, "greeter", { ".prow.yaml": own });
    const run = await ended("greeter-other", proposed.number);
    await family.git(clone, "commit", "-q", "--allow-empty", "-m", "Another head");
    await family.git(clone, "push", "-q", "origin", `HEAD:refs/changes/${proposed.number}`);
    const { run: id } = await family.api<{ run: string }>(`/runs/${run.id}/rerun`, { method: "POST", body: "{}" });
    const again = await family.api<Whole>(`/runs/${id}`);
    expect([again.origin, again.refs]).toEqual([run.origin, run.refs]);
    const closed = await family.fairlead("rerun", (await ended("greeter-own", first)).id);
    expect(closed.stderr).toContain(`change ${first} is merged`);
  });
});
