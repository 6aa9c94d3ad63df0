import { resolve } from "node:path";
import type { Command } from "commander";
import { compareReplays, type Policy, type ReplayReport, replay } from "../../policy/index.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

interface ReplayOptions {
  readonly policy?: string;
  readonly compare?: string;
  readonly deployment?: boolean;
}

export function addReplay(program: Command, context: CommandContext): void {
  const command = program
    .command("replay")
    .argument("<component|url|path>")
    .option("--policy <file>", "severities of the rules, as under release.policy; else those of the family file")
    .option("--compare <file>", "a second policy: says on which tags the two differ")
    .option("--deployment", "a repository outside the family that pins others")
    .description("what the release policy would have said about every tag in history")
    .addHelpText("after", "\nExample: fairlead replay greeter --compare stricter.yaml");
  context.action(command, async (subject: string, options: ReplayOptions) => {
    const { deps, output } = context;
    const { config, home, json } = context.globals();
    const past = await deps.readPast({
      subject,
      cwd: deps.cwd,
      config,
      home,
      deployment: options.deployment === true,
      progress: (line) => output.progress(line),
    });
    if (!past.ok) return context.fail(past.error);
    const { repository, tags, facts } = past.value;
    const component = facts[0]?.component ?? subject;
    const policyIn = async (file: string | undefined) =>
      file === undefined ? undefined : await deps.readPolicy(resolve(deps.cwd, file), component);
    const [given, other] = [await policyIn(options.policy), await policyIn(options.compare)];
    if (given && !given.ok) return context.fail(given.error);
    if (other && !other.ok) return context.fail(other.error);
    const policy: Policy = given?.value ?? past.value.policy;
    const report = replay(facts, policy);
    const compared = other && {
      with: options.compare,
      second: replay(facts, other.value),
      differences: compareReplays(facts, policy, other.value),
    };
    if (json) output.json({ repository, tags, ...report, ...(compared ? { compare: compared } : {}) });
    else {
      tellReport(context, repository, tags, report);
      if (compared) tellDifferences(context, options.compare ?? "", compared);
    }
    return 0;
  });
}

function tellReport(context: CommandContext, repository: string, tags: number, report: ReplayReport): void {
  const { output } = context;
  output.print(
    `${repository}: ${tags} tags, ${report.releases} of releases: ${report.refused.length} refused, ${report.warned.length} warned`,
  );
  const rows = Object.entries(report.byRule).map(([rule, { refused, warned, noted }]) => [
    rule,
    String(refused),
    String(warned),
    String(noted),
  ]);
  if (rows.length > 0) output.print(table(["RULE", "REFUSED", "WARNED", "NOTED"], rows));
  for (const each of report.refused) {
    output.print(`${output.paint("red", "refused")} ${each.tag} (${each.at?.slice(0, 10) ?? "no date"})`);
    for (const [place, message] of each.messages.entries()) output.print(`  ${each.rules[place]}: ${message}`);
  }
  if (report.unchecked.length > 0)
    output.print(
      table(
        ["NOT CHECKED", "TAGS", "WHY"],
        Object.entries(report.uncheckedBecause).map(([rule, { tags: count, reason }]) => [rule, String(count), reason]),
      ),
    );
}

function tellDifferences(
  context: CommandContext,
  file: string,
  compared: { readonly second: ReplayReport; readonly differences: ReturnType<typeof compareReplays> },
): void {
  const { output } = context;
  const { second, differences } = compared;
  output.print(
    `With ${file}: ${second.refused.length} refused, ${second.warned.length} warned; ${differences.length} tags differ`,
  );
  if (differences.length > 0)
    output.print(
      table(
        ["TAG", "FIRST", "SECOND", "BY"],
        differences.map((each) => [each.tag, each.first, each.second, each.rules.join(", ")]),
      ),
    );
}
