import { type Component, type Family, maintenanceJobName } from "../family/index.ts";
import { type Job, jobDefaults } from "../jobs/index.ts";
import type { PlannedRun } from "../plan/index.ts";

/** Where the run leaves what it changed. */
export const patchName = "update.patch";
/** Files that an update of Go modules may change. */
export const goModuleFiles = ["go.mod", "go.sum", "vendor/*"] as const;

/**
 * One module that cannot be had holds back none of the others; what was changed is left as a patch. `git` trusts the
 * checkout, which another user made.
 */
const script = `
for module in "$@"; do
  go get "$module" || echo "left as it is: $module"
done
go mod tidy
if [ -d vendor ]; then go mod vendor; fi
git -c safe.directory='*' add -A .
git -c safe.directory='*' diff --cached --binary --no-renames --no-color HEAD -- go.mod go.sum vendor > "$ARTIFACTS/${patchName}"
`;

const hour = 3_600_000;

/** Code of others runs in it (`go get` reads what modules say), so it is a run like any other, in the cage. */
export function goModulesRun(input: {
  readonly family: Family;
  readonly component: Component;
  readonly branch: string;
  readonly commit: string;
  readonly modules: readonly string[];
  readonly goproxy: string | undefined;
}): PlannedRun {
  const { family, component, branch, commit } = input;
  const name = maintenanceJobName(family);
  const refs = { org: component.org, repo: component.repo, base_ref: branch, base_sha: commit };
  const job: Job = {
    ...jobDefaults,
    name,
    type: "periodic",
    component: component.name,
    repository: undefined,
    origin: "the maintenance job",
    context: name,
    trigger: "",
    rerunCommand: "",
    optional: true,
    skipReport: true,
    timeoutMs: hour,
    env: {
      GOFLAGS: "-mod=mod",
      GOTOOLCHAIN: "local",
      ...(input.goproxy === undefined ? {} : { GOPROXY: input.goproxy }),
      ...component.jobs.env,
    },
    extraRefs: [refs],
    body: { kind: "script", script, args: input.modules },
  };
  return {
    job,
    type: "periodic",
    component: component.name,
    refs,
    ref: `refs/heads/${branch}`,
    change: undefined,
    tier: "change",
    rule: "schedule",
    reason: `newer modules: ${input.modules.slice(0, 5).join(", ")}${input.modules.length > 5 ? `, and ${input.modules.length - 5} more` : ""}`,
  };
}
