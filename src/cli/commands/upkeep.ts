import type { Command } from "commander";
import type { UpkeepItem } from "../../intake/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { age, table } from "../output.ts";

export function addMaintenance(program: Command, context: CommandContext): void {
  const command = program
    .command("maintenance")
    .argument("[component]")
    .option("--now", "look for newer things now, and open changes")
    .description("what the maintenance job found: Go modules, Go itself, base images, shared folders, pins")
    .addHelpText("after", "\nExample: fairlead maintenance --now\nUndo: fairlead close COMPONENT NUMBER");
  context.action(command, async (component: string | undefined, options: { readonly now?: boolean }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const path = `/maintenance${query({ component: options.now === true ? undefined : component })}`;
    const found =
      options.now === true
        ? await client.value.post<{ items: readonly UpkeepItem[] }>("/maintenance", { component })
        : await client.value.get<{ items: readonly UpkeepItem[] }>(path);
    if (!found.ok) return context.fail(found.error);
    const { output, deps } = context;
    const { items } = found.value;
    if (context.globals().json) output.json(found.value);
    else if (items.length === 0) output.print("nothing was looked at yet. Next: fairlead maintenance --now");
    else {
      const rows = items.map((item) => [
        item.component,
        item.kind,
        item.outcome,
        item.change === null ? "–" : String(item.change),
        age(item.at, deps.clock.now()),
        item.detail,
      ]);
      output.print(table(["COMPONENT", "KIND", "OUTCOME", "CHANGE", "AGE", "WHAT"], rows));
    }
    return items.some((item) => item.outcome === "failed") && options.now === true ? 1 : 0;
  });
}
