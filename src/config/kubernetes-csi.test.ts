import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { generateJobs, missingTests } from "../jobs/index.ts";
import { readFamilyFile } from "./index.ts";

const file = "examples/kubernetes-csi/fairlead.yaml";
const reading = readFamilyFile(file, readFileSync(file, "utf8"), {});
const family = reading.family;
if (!family) throw new Error(JSON.stringify(reading.diagnostics));
const jobs = new Map(generateJobs(family, {}).map((job) => [job.name, job]));

/** Facts of the organisation's own jobs, each with the generated job that stands for it. */
interface Fact {
  readonly real: string;
  readonly generated: string;
  readonly env: Readonly<Record<string, string>>;
  readonly alwaysRun: boolean | null;
  readonly optional: boolean;
  readonly branches: readonly string[];
  readonly skipBranches: readonly string[];
}
const facts: readonly Fact[] = JSON.parse(readFileSync("test/fixtures/kubernetes-csi-jobs.json", "utf8"));

/** docs/kubernetes-csi-jobs.md: the differences on purpose. */
function expectedEnv({ real, env }: Fact): Record<string, string> {
  const { CSI_PROW_KUBERNETES_DEPLOYMENT: _, ...read } = env;
  if (real.endsWith("-unit")) {
    const onDefault = facts.find(
      (fact) => fact.real === "pull-kubernetes-csi-external-attacher-1-35-on-kubernetes-1-35",
    );
    return { ...(onDefault && expectedEnv(onDefault)), CSI_PROW_TESTS: "unit sanity serial parallel" };
  }
  if (real.startsWith("ci-kubernetes-csi-1-36")) return { ...read, CSI_PROW_DEPLOYMENT: "kubernetes-latest" };
  return Object.keys(env).length === 0 ? { CSI_PROW_TESTS: "unit" } : read;
}

describe("the example of kubernetes-csi", () => {
  it("has the jobs that its users know by name", () => {
    for (const component of family.components) {
      expect(jobs.get(`kubernetes-csi-${component.name}-pr`)?.type).toBe("presubmit");
      expect(jobs.get(`kubernetes-csi-${component.name}-build`)?.type).toBe("postsubmit");
    }
    const lanes = [...jobs.values()].filter((job) => job.type === "periodic").map((job) => job.name);
    expect(lanes).toEqual([
      "kubernetes-csi-stable",
      "kubernetes-csi-canary-1-34",
      "kubernetes-csi-canary-1-35",
      "kubernetes-csi-canary-1-36",
      "kubernetes-csi-canary-dev",
    ]);
    expect(missingTests(family, [...jobs.values()], {})).toEqual([]);
  });

  it.each(facts)("$real: $generated has its environment, trigger and gate", (fact) => {
    const job = jobs.get(fact.generated);
    expect(job?.env).toEqual(expectedEnv(fact));
    expect(job?.optional).toBe(fact.optional);
    if (job?.type === "presubmit") expect(job.alwaysRun).toBe(fact.alwaysRun);
    else expect(job?.schedule).toEqual({ kind: "interval", everyMs: 6 * 3_600_000 });
    expect(job?.branches).toEqual(fact.branches);
    // The jobs on the Kubernetes under development name no branches; ours are for those of the component.
    if (!fact.real.endsWith("-master")) expect(job?.skipBranches).toEqual(fact.skipBranches);
  });

  it("gets the jobs of another Kubernetes version by one line", () => {
    const text = readFileSync(file, "utf8").replace('"1.36"] #', '"1.36", "1.37"] #');
    const more = readFamilyFile(file, text, {}).family;
    if (!more) throw new Error("no family");
    const added = generateJobs(more, {}).filter((job) => !jobs.has(job.name));
    expect(added.map((job) => job.name)).toEqual([
      "kubernetes-csi-external-attacher-pr-1-37",
      "kubernetes-csi-external-provisioner-pr-1-37",
      "kubernetes-csi-external-snapshotter-pr-1-37",
      "kubernetes-csi-node-driver-registrar-pr-1-37",
      "kubernetes-csi-csi-driver-host-path-pr-1-37",
      "kubernetes-csi-canary-1-37",
    ]);
  });

  it("says of every job of the organisation what becomes of it", () => {
    const rows = readFileSync("docs/kubernetes-csi-jobs.md", "utf8")
      .split("\n")
      .filter((line) => line.startsWith("| `"));
    const count = (what: string) => rows.filter((row) => row.split("|")[3]?.trim().startsWith(what)).length;
    expect([rows.length, count("generated"), count("replaced"), count("loaded")]).toEqual([209, 47, 41, 121]);
    for (const { real, generated } of facts) {
      expect(rows.some((row) => row.startsWith(`| \`${real}\` `) && row.includes(`\`${generated}\``))).toBe(true);
    }
  });
});
