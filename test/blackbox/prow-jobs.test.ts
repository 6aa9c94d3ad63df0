import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { greeter, type RunRow, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

let family: ServedFamily;

const preset = "presets:\n  - labels: {preset-greeting: 'true'}\n    env: [{name: GREETING, value: hello}]\n";
const config = "plank:\n  default_decoration_config_entries:\n    - config: {timeout: 30m, grace_period: 1m}\n";
const script = (text: string) => `[runner.sh, sh, -ec, ${JSON.stringify(text)}]`;
const jobs = [
  "presubmits:",
  "  seeds/greeter:",
  "    - name: pull-loaded",
  "      always_run: true",
  "      decorate: true",
  "      labels: {preset-greeting: 'true'}",
  "      spec:",
  "        volumes: [{name: scratch, emptyDir: {}}, {name: secret, secret: {secretName: x}}]",
  "        containers:",
  "          - image: tools/ci:1",
  `            command: ${script("env | sort > $ARTIFACTS/env.txt; pwd >> $ARTIFACTS/env.txt; touch /scratch/x; test -f build.sh")}`,
  "            securityContext: {privileged: true}",
  "            volumeMounts: [{name: scratch, mountPath: /scratch}]",
  "    - name: pull-on-demand",
  "      decorate: true",
  "      optional: true",
  `      spec: {containers: [{command: ${script("echo asked for $PULL_NUMBER")}}]}`,
  "periodics:",
  "  - name: nightly",
  "    interval: 24h",
  "    decorate: true",
  "    extra_refs: [{org: seeds, repo: greeter, base_ref: main, path_alias: example.org/greeter}]",
  // A job that sets its own PATH finds `runner.sh` all the same.
  `    spec: {containers: [{env: [{name: PATH, value: '/usr/bin:/bin'}], command: ${script("pwd; test -f build.sh; ! env | grep ^PULL_; ! env | grep ^REPO_")}}]}`,
  "",
].join("\n");

beforeAll(async () => {
  family = await serveFamily([greeter], ["prow: {config: prow/config.yaml, jobs: [prow/jobs]}"]);
  await mkdir(join(family.root, "prow/jobs"), { recursive: true });
  await writeFile(join(family.root, "prow/config.yaml"), `${config}${preset}`);
  await writeFile(join(family.root, "prow/jobs/greeter.yaml"), jobs);
  await family.start();
});
afterAll(() => family.remove());

interface Whole extends RunRow {
  readonly job: string;
  readonly buildId: string;
  readonly resultsPath: string;
  readonly origin: string;
}

async function ended(job: string, more = ""): Promise<Whole> {
  const row = await family.until(`${job} to end`, async () => {
    const { items } = await family.api<{ items: Whole[] }>(`/runs?job=${job}${more}`);
    return items.find((run) => run.finished !== null);
  });
  return await family.api<Whole>(`/runs/${row.id}`);
}

const result = async (run: Whole, file: string) =>
  await (await fetch(`${family.url()}/results/${run.resultsPath}/${file}`)).text();

describe("jobs of Prow files", () => {
  it("are checked and counted with the generated ones", async () => {
    const checked = await family.fairlead("check", "--json");
    expect(checked.code).toBe(0);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      ok: true,
      jobs: { presubmits: 3, postsubmits: 1, periodics: 1, inactive: 0, generated: 2 },
    });
  });

  it("run on schedule, in the folder of their extra ref, with Prow's files beside", async () => {
    const run = await ended("nightly");
    expect(run).toMatchObject({ state: "success", type: "periodic", origin: expect.stringContaining("greeter.yaml:") });
    expect(run.resultsPath).toBe(`logs/nightly/${run.buildId}`);
    expect(await result(run, "build-log.txt")).toContain("/home/prow/go/src/example.org/greeter\n");
    expect(JSON.parse(await result(run, "prowjob.json"))).toMatchObject({
      kind: "ProwJob",
      spec: { type: "periodic", job: "nightly", extra_refs: [{ org: "seeds", repo: "greeter" }] },
      status: { state: "success", build_id: run.buildId },
    });
    expect(JSON.parse(await result(run, "started.json"))).toMatchObject({ repos: { "seeds/greeter": "main" } });
    expect(JSON.parse(await result(run, "clone-records.json"))).toHaveLength(2);
    const latest = await fetch(`${family.url()}/results/logs/nightly/latest-build.txt`);
    expect(await latest.text()).toBe(run.buildId);
  });

  it("run on changes beside the generated ones, with presets, empty volumes, and what is ignored said", async () => {
    const clone = await family.clone("greeter");
    await writeFile(join(clone, "a.txt"), "a");
    await family.git(clone, "add", "-A");
    await family.git(clone, "commit", "-q", "-m", "a");
    await family.git(clone, "push", "-q", "origin", "HEAD:refs/for/main");
    const run = await ended("pull-loaded");
    expect(run.state).toBe("success");
    const env = await result(run, "artifacts/env.txt");
    expect(env).toContain("GREETING=hello\n");
    expect(env).toContain("JOB_NAME=pull-loaded\n");
    expect(env).toMatch(/"decoration_config":\{[^}]*"timeout":"30m0s"/);
    expect(env).toMatch(/\/home\/prow\/go\/src\/github\.com\/seeds\/greeter\n$/);
    const log = await result(run, "build-log.txt");
    expect(log).toContain("volumes[1].secret is ignored");
    expect(log).toContain("containers[0].securityContext is ignored");
    expect((await ended("fam-greeter-pr")).state).toBe("success");
    const { items } = await family.api<{ items: Whole[] }>("/runs?job=pull-on-demand");
    expect(items).toEqual([]);
  });

  it("run when a comment asks for them, and a comment that names none is answered", async () => {
    const asked = await family.fairlead("comment", "greeter", "1", "/test pull-on-demand");
    expect(asked.stdout).toContain("pull-on-demand starts");
    const run = await ended("pull-on-demand");
    expect(await result(run, "build-log.txt")).toContain("asked for 1\n");
    const none = await family.fairlead("comment", "greeter", "1", "/test nothing");
    expect(none.stdout).toContain("were not found");
    expect(none.stdout).toContain("`/test pull-on-demand`");
  });

  it("are compared with another configuration, weakened gates first", async () => {
    await writeFile(
      join(family.root, "other.yaml"),
      "family: fam\ncomponents:\n  greeter: {repository: 'file:///x/seeds/greeter'}\n",
    );
    const told = await family.fairlead("plan", "--against", join(family.root, "other.yaml"));
    expect(told.code).toBe(0);
    expect(told.stdout.split("\n")[0]).toMatch(/weakened {2}greeter main: pull-loaded was required, would be absent/);
    expect(told.stdout).toContain("removed   nightly");
  });
});
