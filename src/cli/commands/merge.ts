import type { Command } from "commander";
import type { CommandContext } from "../context.ts";

export function addMerge(program: Command, context: CommandContext): void {
  const command = program
    .command("merge")
    .argument("<component>")
    .argument("<number>")
    .option("--override <reason>", "merge although a required check is not green; the reason is kept")
    .description("merges a change whose required checks are green")
    .addHelpText("after", "\nExample: fairlead merge greeter 3\nUndo: open a change that reverts it.");
  context.action(command, async (component: string, number: string, options: { override?: string }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const path = `/changes/${encodeURIComponent(component)}/${encodeURIComponent(number)}/merge`;
    const merged = await client.value.post<{ commit: string; base: string }>(path, { override: options.override });
    if (!merged.ok) {
      const missing = merged.error.facts?.["missing"];
      const code = context.fail(merged.error);
      if (Array.isArray(missing) && !context.globals().json)
        for (const each of missing) context.output.progress(`  ${String(each?.context)} ${String(each?.why)}`);
      return code;
    }
    const { commit, base } = merged.value;
    if (context.globals().json) context.output.json(merged.value);
    else
      context.output.print(
        `merged into ${base} as ${commit.slice(0, 7)}; its branch build runs now: fairlead runs --component ${component}`,
      );
    return 0;
  });
}
