import type { Command } from "commander";
import { fault } from "../../core/index.ts";
import type { Candidate, PreflightAnswer } from "../../intake/index.ts";
import { type ApiClient, query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";
import { tellPreflight } from "./preflight.ts";
import { showRelease } from "./releases.ts";
import { releaseTrain } from "./train.ts";

interface ReleaseOptions {
  readonly commit?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly train?: string;
}

export function addRelease(program: Command, context: CommandContext): void {
  const command = program
    .command("release")
    .argument("[component]")
    .argument("[version]", "without one: the candidates with their verdicts")
    .option("--commit <sha>", "not the head of its branch")
    .option("--train <file>", "several releases in order, as fairlead train --output wrote them")
    .option("--dry-run", "shows everything and does nothing")
    .option("-y, --yes", "without asking: where nobody sits at a terminal")
    .description("preflight, tag, follow the release")
    .addHelpText(
      "after",
      "\nExample: fairlead release greeter v1.1.0\nCannot be undone once it is published; until then: fairlead withdraw RELEASE.",
    );
  context.action(
    command,
    async (component: string | undefined, version: string | undefined, options: ReleaseOptions) => {
      const client = await context.client();
      if (!client.ok) return context.fail(client.error);
      if (options.train !== undefined) {
        if (component === undefined) return await releaseTrain(context, client.value, options.train, options);
        return context.fail(
          fault("bad-input", "a train names its components itself", { hint: `leave ${component} out` }),
        );
      }
      if (component === undefined)
        return context.fail(
          fault("bad-input", "which component?", { hint: "fairlead train says what needs a release" }),
        );
      if (version === undefined) return await listCandidates(context, client.value, component);
      return await releaseOne(context, client.value, component, version, options);
    },
  );
}

async function listCandidates(context: CommandContext, client: ApiClient, component: string): Promise<number> {
  const { output } = context;
  const found = await client.get<{ items: readonly Candidate[] }>(`/candidates${query({ component })}`);
  if (!found.ok) return context.fail(found.error);
  if (context.globals().json) output.json(found.value);
  else if (found.value.items.length === 0) output.print(`${component} has nothing that is not released`);
  else {
    const rows = found.value.items.map((each) => [
      each.version,
      each.branch,
      each.commit.slice(0, 7),
      String(each.commits),
      each.verdict,
      [each.reason, ...each.findings.map((finding) => finding.message)].join("; "),
    ]);
    output.print(table(["VERSION", "BRANCH", "COMMIT", "COMMITS", "VERDICT", "WHY"], rows));
    const ready = found.value.items.find((each) => each.verdict !== "refuse");
    if (ready) output.print(`Next: fairlead release ${component} ${ready.version}`);
  }
  return 0;
}

async function releaseOne(
  context: CommandContext,
  client: ApiClient,
  component: string,
  version: string,
  options: ReleaseOptions,
): Promise<number> {
  const { output, deps } = context;
  const { json } = context.globals();
  const yes = options.yes === true && options.dryRun !== true;
  let { commit } = options;
  if (!yes) {
    const checked = await client.get<PreflightAnswer>(`/preflight${query({ component, version, commit })}`);
    if (!checked.ok) return context.fail(checked.error);
    if (json) output.json(checked.value);
    else {
      tellPreflight(context, checked.value);
      await tellPlan(context, client, checked.value);
    }
    if (checked.value.verdict === "refuse") return 1;
    if (options.dryRun === true) return 0;
    if (json || !deps.terminal.present) {
      if (!json) output.print(`Nothing was tagged. Next: fairlead release ${component} ${version} --yes`);
      return 1;
    }
    const typed = await deps.terminal.ask(`Type ${version} to release it: `);
    if (typed?.trim() !== version) {
      output.print("Nothing was tagged.");
      return 1;
    }
    // What was shown is what is tagged, whatever was merged meanwhile.
    commit = checked.value.commit;
  }
  const asked = await client.post<{ id: string; commit: string }>("/releases", { component, version, commit });
  if (!asked.ok) return context.fail(asked.error);
  output.progress(`tagged ${asked.value.commit.slice(0, 7)} as ${version}`);
  return await showRelease(context, client, asked.value.id, true);
}

/** What the tag would start: the plan of a push of it. */
async function tellPlan(context: CommandContext, client: ApiClient, answer: PreflightAnswer): Promise<void> {
  if (answer.verdict === "refuse") return;
  const { component, version, commit } = answer;
  const event = { kind: "tag", component, ref: `refs/tags/${version}`, after: commit };
  const plan = await client.post<{ runs: readonly { job: string }[] }>("/plan", { event });
  if (!plan.ok) return;
  const jobs = plan.value.runs.map((run) => run.job).join(", ");
  const { output } = context;
  output.print(
    `The tag ${version} on ${commit.slice(0, 7)} ${jobs === "" ? "is the release" : `is built by ${jobs}`},`,
  );
  output.print(
    "then verified, signed and published to every release registry; what is published is never built again.",
  );
}
