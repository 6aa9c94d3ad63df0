import type { Command } from "commander";
import { type ChangeItem, glyphs, type List } from "../../server/views/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { age, table } from "../output.ts";

export function addChanges(program: Command, context: CommandContext): void {
  const command = program
    .command("changes")
    .description("what is open")
    .option("--component <name>")
    .option("--state <state>", "open, merged, closed or all", "open")
    .addHelpText("after", "\nExample: fairlead changes --component greeter");
  context.action(command, async (options: { component?: string; state: string }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const state = options.state === "all" ? undefined : options.state;
    const changes = await client.value.get<List<ChangeItem>>(
      `/changes${query({ component: options.component, state })}`,
    );
    if (!changes.ok) return context.fail(changes.error);
    const { output, deps } = context;
    if (context.globals().json) {
      output.json(changes.value);
      return 0;
    }
    const rows = changes.value.items.map((change) => [
      `${change.component}#${change.number}`,
      `${glyphs[change.mark]} ${change.word}`,
      change.base,
      change.author,
      change.required.text,
      age(change.updated, deps.clock.now()),
      change.title,
      change.next.text,
    ]);
    const header = ["CHANGE", "STATE", "BASE", "AUTHOR", "REQUIRED", "AGE", "TITLE", "NEXT"];
    output.print(
      rows.length === 0 ? "no changes; open one: git push origin HEAD:refs/for/<branch>" : table(header, rows),
    );
    return 0;
  });
}
