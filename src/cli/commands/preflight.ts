import type { Command } from "commander";
import type { PreflightAnswer } from "../../intake/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";

export function addPreflight(program: Command, context: CommandContext): void {
  const command = program
    .command("preflight")
    .argument("<component>")
    .argument("<version>")
    .option("--commit <sha>", "not the head of its branch")
    .description("may this be released, and if not, why")
    .addHelpText("after", "\nExample: fairlead preflight greeter v1.1.0");
  context.action(command, async (component: string, version: string, options: { commit?: string }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const path = `/preflight${query({ component, version, commit: options.commit })}`;
    const checked = await client.value.get<PreflightAnswer>(path);
    if (!checked.ok) return context.fail(checked.error);
    if (context.globals().json) context.output.json(checked.value);
    else tellPreflight(context, checked.value);
    return 0;
  });
}

export function tellPreflight(context: CommandContext, answer: PreflightAnswer): void {
  const { output } = context;
  const colour = answer.verdict === "pass" ? "green" : answer.verdict === "warn" ? "yellow" : "red";
  output.print(
    `${answer.component} ${answer.version} on ${answer.commit.slice(0, 7)}: ${output.paint(colour, answer.verdict)}`,
  );
  for (const finding of answer.findings) {
    output.print(`  ${finding.severity}: ${finding.rule}: ${finding.message}`);
    output.print(`    fix: ${finding.satisfiedBy}`);
  }
  for (const rule of answer.unchecked) output.print(`  not checked: ${rule.rule}: ${rule.reason}`);
}
