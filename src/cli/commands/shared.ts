import type { Command } from "commander";
import type { SharedFolder, SharedUpdate } from "../../intake/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

export function addShared(program: Command, context: CommandContext): void {
  const command = program
    .command("shared")
    .argument("[component]")
    .option("--update", "open one change for each folder that is behind")
    .description("folders copied from an internal component, and how far each is behind")
    .addHelpText("after", "\nExample: fairlead shared --update\nUndo: fairlead close COMPONENT NUMBER");
  context.action(command, async (component: string | undefined, options: { readonly update?: boolean }) =>
    options.update === true ? await update(context, component) : await list(context, component),
  );
}

async function list(context: CommandContext, component: string | undefined): Promise<number> {
  const client = await context.client();
  if (!client.ok) return context.fail(client.error);
  const found = await client.value.get<{ items: readonly SharedFolder[] }>(`/shared${query({ component })}`);
  if (!found.ok) return context.fail(found.error);
  const { output } = context;
  const { items } = found.value;
  if (context.globals().json) output.json(found.value);
  else if (items.length === 0) output.print("no folder here is copied from an internal component");
  else {
    const rows = items.map((item) => [
      item.component,
      item.branch,
      item.folder,
      item.from,
      item.behind === null ? "–" : String(item.behind),
      item.pristine === undefined ? "unknown" : item.pristine ? "pristine" : "changed",
      item.reason,
    ]);
    output.print(table(["COMPONENT", "BRANCH", "FOLDER", "FROM", "BEHIND", "COPY", "WHY"], rows));
    if (items.some((item) => item.pristine === true && !item.current))
      output.print(`Next: fairlead shared${component === undefined ? "" : ` ${component}`} --update`);
  }
  return 0;
}

async function update(context: CommandContext, component: string | undefined): Promise<number> {
  const client = await context.client();
  if (!client.ok) return context.fail(client.error);
  const done = await client.value.post<{ items: readonly SharedUpdate[] }>("/shared", { component });
  if (!done.ok) return context.fail(done.error);
  const { output } = context;
  const { items } = done.value;
  if (context.globals().json) output.json(done.value);
  else if (items.length === 0) output.print("every copy is the newest");
  for (const item of context.globals().json ? [] : items) {
    const where = `${item.component} ${item.branch} ${item.folder}`;
    if ("refused" in item) {
      output.print(`${where}: left alone: ${item.refused}`);
      if (item.hint !== undefined) output.print(`  ${item.hint}`);
    } else output.print(`${where}: ${item.component}#${item.number} ${item.state}`);
  }
  return items.some((item) => "refused" in item) ? 1 : 0;
}
