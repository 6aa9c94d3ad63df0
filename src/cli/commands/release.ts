import type { Command } from "commander";
import type { Candidate, PreflightAnswer } from "../../intake/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";
import { tellPreflight } from "./preflight.ts";
import { showRelease } from "./releases.ts";

interface ReleaseOptions {
  readonly commit?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function addRelease(program: Command, context: CommandContext): void {
  const command = program
    .command("release")
    .argument("<component>")
    .argument("[version]", "without one: the candidates with their verdicts")
    .option("--commit <sha>", "not the head of its branch")
    .option("--dry-run", "preflight only")
    .option("-y, --yes", "do not only say what would happen")
    .description("preflight, tag, follow the release")
    .addHelpText("after", "\nExample: fairlead release greeter v1.1.0 --yes\nCannot be undone.");
  context.action(command, async (component: string, version: string | undefined, options: ReleaseOptions) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const { output } = context;
    if (version === undefined) {
      const found = await client.value.get<{ items: readonly Candidate[] }>(`/candidates${query({ component })}`);
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
        if (ready) output.print(`Next: fairlead release ${component} ${ready.version} --yes`);
      }
      return 0;
    }
    const { commit } = options;
    if (options.dryRun === true || options.yes !== true) {
      const checked = await client.value.get<PreflightAnswer>(`/preflight${query({ component, version, commit })}`);
      if (!checked.ok) return context.fail(checked.error);
      if (context.globals().json) output.json(checked.value);
      else tellPreflight(context, checked.value);
      if (checked.value.verdict === "refuse") return 1;
      if (options.dryRun !== true && !context.globals().json)
        output.print(`Nothing was tagged. Next: fairlead release ${component} ${version} --yes`);
      return options.dryRun === true ? 0 : 1;
    }
    const asked = await client.value.post<{ id: string; commit: string }>("/releases", { component, version, commit });
    if (!asked.ok) return context.fail(asked.error);
    output.progress(`tagged ${asked.value.commit.slice(0, 7)} as ${version}`);
    return await showRelease(context, client.value, asked.value.id, true);
  });
}
