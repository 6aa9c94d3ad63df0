/**
 * Every release of the public history that the default policy refuses, with what happened. A refusal that is not listed
 * here fails the suite, and so does a line that no longer refuses: the table is what the policy is chosen by.
 */
export const knownMistakes: Readonly<
  Record<string, Readonly<Record<string, { readonly rules: readonly string[]; readonly because: string }>>>
> = {
  "external-attacher": {
    "v0.2.0.2": { rules: ["not-semver"], because: "four numbers: the push job built no image for it" },
    "v0.2.0.1": { rules: ["not-semver"], because: "four numbers, and made after v0.2.0.2" },
    "v2.1.1": { rules: ["outside-branches"], because: "tagged on master with unrelated changes beside release-2.1" },
    "v4.8.1": {
      rules: ["outside-branches", "changelog-missing"],
      because: "tagged on master with six merges while release-4.8 held the picks and the changelog",
    },
  },
  "external-provisioner": {
    "v1.2.0": { rules: ["changelog-missing"], because: "forgotten: v1.1.0 and its changelog came before" },
    "v3.2.1": {
      rules: ["outside-branches", "changelog-missing"],
      because: "tagged on master on the day when release-3.2 got the pick and the changelog",
    },
    "v3.2.2": {
      rules: ["patch-not-descendant"],
      because: "the consequence: its branch never had the commit of v3.2.1",
    },
  },
  "external-snapshotter": {
    "v2.0.2-rc1": {
      rules: ["outside-branches", "patch-not-descendant"],
      because: "a candidate of a patch on master, beside release-2.0; no final came of it",
    },
    "v2.1.2": { rules: ["shared-not-pristine"], because: "release-tools patched in place" },
    "v2.1.3": { rules: ["shared-not-pristine"], because: "the same copy" },
    "v2.1.4": { rules: ["shared-not-pristine"], because: "the same copy" },
    "v2.1.5": { rules: ["shared-not-pristine"], because: "the same copy" },
    "v5.0.0-rc3-webhook": { rules: ["not-newer"], because: "a candidate after its final, on the commit of v5.0.1" },
    "v5.0.1": { rules: ["changelog-missing"], because: "forgotten" },
    "v6.0.1": { rules: ["changelog-missing"], because: "forgotten" },
    "v6.2.1": { rules: ["same-commit", "changelog-missing"], because: "the very commit of v6.2.0, under a new number" },
    "v8.2.0": { rules: ["fewer-images"], because: "a minor that dropped snapshot-validation-webhook" },
  },
  "cluster-driver-registrar": {},
  "node-driver-registrar": {
    "v1.0.2-rc1": { rules: ["outside-branches"], because: "its commit is on no branch at all" },
  },
  "csi-driver-host-path": {
    "v1.4.0": { rules: ["prerelease-pin"], because: "a final with candidates of attacher, provisioner and resizer" },
    "v1.7.3": { rules: ["bump-relaxed"], because: "a patch that brought a major of external-provisioner" },
    "v1.16.0": { rules: ["prerelease-pin"], because: "a final with a canary" },
    "v1.16.1": { rules: ["prerelease-pin"], because: "the same canary" },
  },
  "csi-lib-utils": {
    "0.4.0": { rules: ["not-semver"], because: "without v; the version does not exist otherwise" },
    "0.5.0": { rules: ["not-semver"], because: "without v; the version does not exist otherwise" },
    "0.7.0": { rules: ["not-semver"], because: "without v; tagged again as v0.7.0" },
    "v0.15.1": { rules: ["changelog-missing"], because: "forgotten" },
    "v0.14.1": { rules: ["changelog-missing"], because: "forgotten" },
  },
  "csi-release-tools": {},
  "external-resizer": {
    "v1.13.1": {
      rules: ["changelog-missing"],
      because: "tagged on master before the branch and the changelog were made",
    },
  },
  livenessprobe: {
    "v2.11": { rules: ["not-semver"], because: "two numbers; tagged again as v2.11.0" },
  },
  "external-health-monitor": {
    "v0.3.0": {
      rules: ["fewer-images"],
      because: "a minor of 0.x that dropped the agent on purpose: people would approve it with that reason",
    },
  },
};
