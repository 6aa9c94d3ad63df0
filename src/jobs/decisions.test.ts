import { describe, expect, it } from "vitest";
import { sampleJob } from "../../test/fixtures/sample-model.ts";
import {
  type DecisionRule,
  decideAutomatic,
  decideForComment,
  decideForPush,
  decideForTag,
  requiredFor,
} from "./decisions.ts";
import type { Job } from "./model.ts";

const name = "pull-fam-unit";
const always = sampleJob({ name });
const manual = sampleJob({ name, alwaysRun: false });
const byGo = sampleJob({ name, alwaysRun: false, runIfChanged: "\\.go$" });
const notDocs = sampleJob({ name, alwaysRun: false, skipIfOnlyChanged: "^docs/|\\.md$" });
const post = sampleJob({ name, type: "postsubmit", alwaysRun: undefined });
const go = ["cmd/main.go"];
const docs = ["docs/a.png", "README.md"];

/** rule expected, job, branch, files, runs. */
type Row = readonly [DecisionRule, Job, string, readonly string[] | undefined, boolean];

describe("a new head (2.2): the rule that decides", () => {
  const branches = (...list: string[]) => ({ ...always, branches: list });
  const never = (...list: string[]) => ({ ...always, skipBranches: list });
  const rows: readonly Row[] = [
    // The kind of job.
    ["always-run", always, "main", go, true],
    ["job-type", { ...always, type: "postsubmit" }, "main", go, false],
    ["job-type", { ...always, type: "periodic" }, "main", go, false],
    ["job-type", { ...always, type: "batch" }, "main", go, false],
    // Explicit triggers come before everything else.
    ["explicit-trigger", manual, "main", go, false],
    ["explicit-trigger", { ...manual, alwaysRun: undefined }, "main", go, false],
    ["explicit-trigger", { ...manual, branches: ["^other$"] }, "main", go, false],
    ["explicit-trigger", { ...manual, optional: true }, "main", go, false],
    ["explicit-trigger", { ...manual, runBeforeMerge: true }, "main", go, false],
    // Branches: joined with |, unanchored, the dot is any character, case counts.
    ["always-run", branches("main"), "main", go, true],
    ["always-run", branches("main"), "domain-x", go, true],
    ["always-run", branches("master"), "my-master-2", go, true],
    ["branches", branches("^master$"), "my-master-2", go, false],
    ["branches", branches("^master"), "my-master", go, false],
    ["always-run", branches("master$"), "my-master", go, true],
    ["branches", branches("master$"), "master-2", go, false],
    ["branches", branches("Main"), "main", go, false],
    ["always-run", branches("(?i)Main"), "main", go, true],
    ["always-run", branches("release-1.3"), "release-1.3", go, true],
    ["always-run", branches("release-1.3"), "release-1.36", go, true],
    ["always-run", branches("release-1.3"), "release-1x3", go, true],
    ["branches", branches("release-1\\.3$"), "release-1.36", go, false],
    ["branches", branches("release-1\\.3$"), "release-1x3", go, false],
    ["always-run", branches("foo", "bar$"), "a-foo-b", go, true],
    ["always-run", branches("foo", "bar$"), "crowbar", go, true],
    ["branches", branches("foo", "bar$"), "bars", go, false],
    ["always-run", branches("^a", "b"), "xb", go, true],
    ["always-run", branches("^release-\\d+\\.\\d+$"), "release-12.0", go, true],
    ["branches", branches("^release-\\d+\\.\\d+$"), "release-12", go, false],
    ["always-run", branches("feature/.*"), "user/feature/x", go, true],
    ["always-run", branches(""), "anything", go, true],
    ["always-run", branches("^v(0|[1-9]\\d*)\\."), "v1.2", go, true],
    ["branches", branches("^v(0|[1-9]\\d*)\\."), "v01.2", go, false],
    ["always-run", branches("\\Arelease-"), "release-1", go, true],
    ["always-run", branches("-1\\z"), "release-1", go, true],
    ["always-run", branches("[[:digit:]]"), "r1", go, true],
    ["always-run", branches("\\pL"), "é", go, true],
    ["always-run", branches("\\Qa.b\\E"), "xa.by", go, true],
    ["branches", branches("\\Qa.b\\E"), "axb", go, false],
    ["always-run", branches("^(?P<kind>main|dev)$"), "dev", go, true],
    // The deny list wins.
    ["branches", never("main"), "main", go, false],
    ["branches", never("main"), "domain", go, false],
    ["always-run", never("^main$"), "domain", go, true],
    ["always-run", never("^release-"), "main", go, true],
    ["branches", never("a", "b"), "xbx", go, false],
    ["branches", { ...branches("main"), skipBranches: ["main"] }, "main", go, false],
    ["always-run", { ...branches("^release-"), skipBranches: ["-0\\."] }, "release-1.0", go, true],
    ["branches", { ...branches("^release-"), skipBranches: ["-0\\."] }, "release-0.9", go, false],
    ["branches", { ...branches("^release-"), skipBranches: ["^old"] }, "main", go, false],
    ["branches", { ...byGo, branches: ["^release-"] }, "main", go, false],
    ["branches", { ...notDocs, skipBranches: ["^main$"] }, "main", go, false],
    // Patterns that are none decide against running, and say so.
    ["bad-pattern", branches("("), "main", go, false],
    ["bad-pattern", branches("(?=x)"), "main", go, false],
    ["bad-pattern", branches("(a)\\1"), "aa", go, false],
    ["bad-pattern", never("["), "main", go, false],
    ["bad-pattern", { ...byGo, runIfChanged: "(?<!x)y" }, "main", go, false],
    ["bad-pattern", { ...notDocs, skipIfOnlyChanged: "a{2000}" }, "main", go, false],
    // run_if_changed: any path.
    ["run-if-changed", byGo, "main", go, true],
    ["run-if-changed", byGo, "main", [...docs, ...go], true],
    ["run-if-changed", byGo, "main", docs, false],
    ["run-if-changed", byGo, "main", [], false],
    ["run-if-changed", byGo, "main", undefined, false],
    ["run-if-changed", byGo, "main", ["a.go.md"], false],
    ["run-if-changed", byGo, "main", ["a.GO"], false],
    ["run-if-changed", byGo, "main", ["go"], false],
    ["run-if-changed", { ...byGo, runIfChanged: "^vendor/" }, "main", ["vendor/x"], true],
    ["run-if-changed", { ...byGo, runIfChanged: "^vendor/" }, "main", ["a/vendor/x"], false],
    ["run-if-changed", { ...byGo, runIfChanged: "vendor/" }, "main", ["a/vendor/x"], true],
    ["run-if-changed", { ...byGo, runIfChanged: "a|b" }, "main", ["xbx"], true],
    ["run-if-changed", { ...byGo, runIfChanged: "." }, "main", ["x"], true],
    ["run-if-changed", { ...byGo, runIfChanged: "^a\\nb$" }, "main", ["a\nb"], true],
    ["run-if-changed", { ...byGo, runIfChanged: "^b$" }, "main", ["a\nb"], false],
    ["run-if-changed", { ...byGo, runIfChanged: "(?m)^b$" }, "main", ["a\nb"], true],
    ["run-if-changed", { ...byGo, runIfChanged: "a.b" }, "main", ["a\nb"], false],
    ["run-if-changed", { ...byGo, runIfChanged: "(?s)a.b" }, "main", ["a\nb"], true],
    ["run-if-changed", { ...byGo, runIfChanged: "a.b" }, "main", ["a\rb"], true],
    ["run-if-changed", { ...byGo, runIfChanged: "a\\sb" }, "main", ["a\u00a0b"], false],
    ["run-if-changed", { ...byGo, alwaysRun: undefined }, "main", go, true],
    // skip_if_only_changed: unless all paths.
    ["skip-if-only-changed", notDocs, "main", go, true],
    ["skip-if-only-changed", notDocs, "main", [...docs, ...go], true],
    ["skip-if-only-changed", notDocs, "main", docs, false],
    ["skip-if-only-changed", notDocs, "main", ["README.md"], false],
    ["skip-if-only-changed", notDocs, "main", [], false],
    ["skip-if-only-changed", notDocs, "main", undefined, false],
    ["skip-if-only-changed", notDocs, "main", ["docs"], true],
    ["skip-if-only-changed", notDocs, "main", ["x/docs/a.png"], true],
    ["skip-if-only-changed", { ...notDocs, skipIfOnlyChanged: "" }, "main", go, false],
    ["skip-if-only-changed", { ...notDocs, optional: true }, "main", go, true],
    ["skip-if-only-changed", { ...notDocs, skipReport: true }, "main", go, true],
  ];
  it.each(rows)("%s %#", (rule, job, branch, files, run) => {
    const decision = decideAutomatic(job, { branch, files });
    expect([decision.rule, decision.run]).toEqual([rule, run]);
    expect(decision.reason).not.toBe("");
  });
});

describe("a comment (2.3): the first filter that takes the job decides", () => {
  const optional = { ...always, optional: true };
  const manualOptional = { ...manual, optional: true };
  const byMd = { ...byGo, runIfChanged: "\\.md$" };
  const none = { reported: [], failed: [] };
  const green = { reported: [name], failed: [] };
  const red = { reported: [name], failed: [name] };
  type CommentRow = readonly [DecisionRule, Job, string, typeof none | typeof green | typeof red, boolean];
  const rows: readonly CommentRow[] = [
    // By name: forced, whatever the paths say, never beyond its branches.
    ["test-name", always, `/test ${name}`, green, true],
    ["test-name", manual, `/test ${name}`, green, true],
    ["test-name", byMd, `/test ${name}`, green, true],
    ["test-name", optional, `/test ${name}`, none, true],
    ["branches", { ...always, branches: ["^release-"] }, `/test ${name}`, none, false],
    ["branches", { ...manual, skipBranches: ["main"] }, `/test ${name}`, none, false],
    ["bad-pattern", { ...manual, branches: ["("] }, `/test ${name}`, none, false],
    ["test-name", manual, `/test ${name},`, none, true],
    ["test-name", manual, `/test ${name} please`, none, true],
    ["test-name", manual, `/test ${name}\r`, none, true],
    ["test-name", manual, `looks good\n/test ${name}\nthanks`, none, true],
    ["test-name", manual, `/test other ${name}`, none, true],
    ["test-name", manual, `/test ${name} other`, none, true],
    ["not-asked", manual, `/test ${name}-more`, none, false],
    ["not-asked", manual, `/test x${name}`, none, false],
    ["not-asked", manual, `/test  ${name}x`, none, false],
    ["not-asked", manual, `please /test ${name}`, none, false],
    ["not-asked", manual, ` /test ${name}`, none, false],
    ["not-asked", manual, `/Test ${name}`, none, false],
    ["not-asked", manual, `/test\n${name}`, none, false],
    ["not-asked", manual, `/tests ${name}`, none, false],
    ["not-asked", manual, `/test ${name.toUpperCase()}`, none, false],
    ["test-name", { ...manual, trigger: "(?m)^/check it$" }, "/check it", none, true],
    ["not-asked", { ...manual, trigger: "(?m)^/check it$" }, `/test ${name}`, none, false],
    ["not-asked", { ...manual, trigger: "(" }, `/test ${name}`, none, false],
    // The name stands unescaped in the pattern.
    ["test-name", sampleJob({ name: "a.b", alwaysRun: false }), "/test axb", none, true],
    // /test all
    ["test-all", always, "/test all", green, true],
    ["test-all", optional, "/test all", green, true],
    ["not-asked", manual, "/test all", green, false],
    ["run-if-changed", byGo, "/test all", green, true],
    ["run-if-changed", byMd, "/test all", green, false],
    ["skip-if-only-changed", notDocs, "/test all", green, true],
    ["test-all", always, "/test all,", green, true],
    ["test-all", always, "/test all now", green, true],
    ["test-all", always, "/test all\r\n", green, true],
    ["not-asked", always, "/test allof", green, false],
    ["not-asked", always, " /test all", green, false],
    ["branches", { ...always, branches: ["^x"] }, "/test all", green, false],
    // /retest: failed on this head, or automatic and never reported.
    ["retest", always, "/retest", red, true],
    ["retest", always, "/retest", none, true],
    ["not-asked", always, "/retest", green, false],
    ["retest", manual, "/retest", red, true],
    ["not-asked", manual, "/retest", none, false],
    ["retest", byMd, "/retest", red, true],
    ["run-if-changed", byMd, "/retest", none, false],
    ["run-if-changed", byGo, "/retest", none, true],
    ["not-asked", byGo, "/retest", green, false],
    ["run-if-changed", byGo, "/retest", red, true],
    ["skip-if-only-changed", notDocs, "/retest", none, true],
    ["retest", optional, "/retest", red, true],
    ["retest", always, "/retest\n", red, true],
    ["retest", always, "/retest   ", red, true],
    ["not-asked", always, "/retest please", red, false],
    ["not-asked", always, "/retests", red, false],
    ["not-asked", always, "x /retest", red, false],
    ["branches", { ...always, skipBranches: ["main"] }, "/retest", red, false],
    // /retest-required
    ["retest-required", always, "/retest-required", red, true],
    ["retest-required", always, "/retest-required", none, true],
    ["not-asked", optional, "/retest-required", red, false],
    ["not-asked", always, "/retest-required", green, false],
    ["retest-required", { ...always, skipReport: true }, "/retest-required", red, true],
    ["retest-required", manual, "/retest-required", red, true],
    ["not-asked", manual, "/retest-required", none, false],
    ["retest-required", byMd, "/retest-required", red, true],
    ["not-asked", manualOptional, "/retest-required", red, false],
    // /test-manual-required
    ["test-manual-required", manual, "/test-manual-required", green, true],
    ["not-asked", manualOptional, "/test-manual-required", green, false],
    ["not-asked", always, "/test-manual-required", none, false],
    ["not-asked", byGo, "/test-manual-required", none, false],
    ["branches", { ...manual, branches: ["^x"] }, "/test-manual-required", none, false],
    // Several commands: the order of the filters, not of the lines.
    ["test-name", manual, `/retest\n/test ${name}`, green, true],
    ["retest", always, "/test all\n/retest", red, true],
    ["test-all", always, "/test all\n/retest", green, true],
    ["run-if-changed", byMd, "/test all\n/retest", none, false],
    ["retest", always, "/retest-required\n/retest", red, true],
    ["test-all", always, "/test-manual-required\n/test all", green, true],
    // Code blocks do not speak to us, unless something outside of them does.
    ["not-asked", manual, `\`\`\`\n/test ${name}\n\`\`\``, none, false],
    ["not-asked", always, "~~~\n/test all\n~~~\n", green, false],
    ["test-name", manual, `\`\`\`\n/test ${name}\n\`\`\`\n/retest`, none, true],
    ["test-name", manual, `\`\`\`\n/test ${name}`, none, true],
    ["test-name", manual, `\`\`\`sh\nls\n\`\`\`\n/test ${name}`, none, true],
    // Cancelling, and what says nothing.
    ["not-asked", always, "/ok-to-test cancel\n/test all", green, false],
    ["not-asked", always, "/ok-to-test", green, false],
    ["not-asked", always, "LGTM", none, false],
    ["not-asked", always, "", none, false],
    ["not-asked", always, "/test", none, false],
    ["not-asked", always, "/test ?", none, false],
    ["not-asked", always, "/retest all", none, false],
    ["job-type", post, "/test all", none, false],
    ["job-type", post, `/test ${name}`, none, false],
    ["job-type", { ...always, type: "periodic" }, "/retest", red, false],
  ];
  it.each(rows)("%s %#", (rule, job, comment, contexts, run) => {
    const decision = decideForComment(job, comment, { branch: "main", files: go }, contexts, false);
    expect([decision.rule, decision.run]).toEqual([rule, run]);
  });

  it.each<[DecisionRule, Job, string, boolean]>([
    ["ok-to-test", always, "/ok-to-test", true],
    ["ok-to-test", always, "fine\n/ok-to-test  \nthanks", true],
    ["not-asked", manual, "/ok-to-test", false],
    ["run-if-changed", byGo, "/ok-to-test", true],
    ["run-if-changed", byMd, "/ok-to-test", false],
    ["not-asked", always, "/ok-to-test cancel", false],
    ["not-asked", always, "/ok-to-test now", false],
    ["not-asked", always, "```\n/ok-to-test\n```", false],
  ])("%s: a maintainer allows a stranger's head %#", (rule, job, comment, run) => {
    const decision = decideForComment(job, comment, { branch: "main", files: go }, green, true);
    expect([decision.rule, decision.run]).toEqual([rule, run]);
  });
});

describe("a push (2.5): a matcher decides before always_run", () => {
  const rows: readonly Row[] = [
    ["always-run", post, "main", go, true],
    ["always-run", post, "main", [], true],
    ["always-run", post, "main", undefined, true],
    ["always-run", { ...post, alwaysRun: true }, "main", undefined, true],
    ["always-run", { ...post, alwaysRun: false }, "main", go, false],
    ["run-if-changed", { ...post, runIfChanged: "\\.go$" }, "main", go, true],
    ["run-if-changed", { ...post, runIfChanged: "\\.go$" }, "main", docs, false],
    ["run-if-changed", { ...post, runIfChanged: "\\.go$" }, "main", [], false],
    ["run-if-changed", { ...post, runIfChanged: "\\.go$" }, "main", undefined, false],
    ["run-if-changed", { ...post, alwaysRun: false, runIfChanged: "\\.go$" }, "main", go, true],
    ["run-if-changed", { ...post, alwaysRun: false, runIfChanged: "\\.go$" }, "main", docs, false],
    ["skip-if-only-changed", { ...post, skipIfOnlyChanged: "\\.md$" }, "main", ["a.md"], false],
    ["skip-if-only-changed", { ...post, skipIfOnlyChanged: "\\.md$" }, "main", ["a.md", "b"], true],
    ["skip-if-only-changed", { ...post, skipIfOnlyChanged: "\\.md$" }, "main", [], false],
    ["branches", { ...post, branches: ["^main$"] }, "release-1.0", go, false],
    ["branches", { ...post, skipBranches: ["^dependabot/"] }, "dependabot/x", go, false],
    ["always-run", { ...post, branches: ["^release-"] }, "release-1.0", go, true],
    ["always-run", { ...post, branches: ["^v"] }, "v2-experiments", go, true],
    ["bad-pattern", { ...post, branches: ["*"] }, "main", go, false],
    ["bad-pattern", { ...post, runIfChanged: "*" }, "main", go, false],
    ["job-type", always, "main", go, false],
    ["job-type", { ...post, type: "periodic" }, "main", go, false],
    ["always-run", { ...post, optional: true, skipReport: true }, "main", go, true],
  ];
  it.each(rows)("%s %#", (rule, job, branch, files, run) => {
    const decision = decideForPush(job, { branch, files }, `${branch} moved`);
    expect([decision.rule, decision.run]).toEqual([rule, run]);
  });
});

describe("a tag (2.5): the same patterns, and no paths", () => {
  const semver = "^v(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(-[0-9A-Za-z.-]+)?$";
  const rows: readonly (readonly [DecisionRule, Job, string, boolean])[] = [
    ["always-run", post, "v1.0.0", true],
    ["always-run", post, "nightly", true],
    ["always-run", { ...post, branches: [semver] }, "v1.0.0", true],
    ["always-run", { ...post, branches: [semver] }, "v1.0.0-rc1", true],
    ["branches", { ...post, branches: [semver] }, "v01.0.0", false],
    ["branches", { ...post, branches: [semver] }, "1.0.0", false],
    ["branches", { ...post, branches: [semver] }, "xv1.0.0", false],
    ["branches", { ...post, branches: ["^main$", "^release-"] }, "v1.0.0", false],
    ["branches", { ...post, skipBranches: ["^v"] }, "v1.0.0", false],
    ["tag-without-paths", { ...post, runIfChanged: "." }, "v1.0.0", false],
    ["tag-without-paths", { ...post, skipIfOnlyChanged: "x" }, "v1.0.0", false],
    ["always-run", { ...post, alwaysRun: false }, "v1.0.0", false],
    ["bad-pattern", { ...post, branches: ["("] }, "v1.0.0", false],
    ["job-type", always, "v1.0.0", false],
    ["job-type", { ...post, type: "periodic" }, "v1.0.0", false],
  ];
  it.each(rows)("%s %#", (rule, job, tag, run) => {
    const decision = decideForTag(job, tag, `the tag ${tag} passed`);
    expect([decision.rule, decision.run]).toEqual([rule, run]);
  });
});

describe("what a merge waits for", () => {
  it.each<[string, Job, readonly string[] | undefined, boolean]>([
    ["always run", always, go, true],
    ["optional", { ...always, optional: true }, go, false],
    ["not reported", { ...always, skipReport: true }, go, false],
    ["by hand", manual, go, false],
    ["by hand, but wanted before a merge", { ...manual, runBeforeMerge: true }, go, true],
    ["conditional, and it applies", byGo, go, true],
    ["conditional, and it does not", byGo, docs, false],
    ["conditional, and the paths are not known", byGo, undefined, true],
    ["conditional but wanted before a merge", { ...byGo, runBeforeMerge: true }, docs, true],
    ["on another branch", { ...always, branches: ["^x$"] }, go, false],
    ["a pattern that is none", { ...always, branches: ["("] }, go, true],
    ["a matcher that is none", { ...byGo, runIfChanged: "(" }, go, true],
    ["a postsubmit", post, go, false],
  ])("%s", (_what, job, files, required) => {
    expect(requiredFor(job, { branch: "main", files })).toBe(required);
  });
});
