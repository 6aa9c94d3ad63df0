import type { Command } from "commander";
import { forOneLine } from "../../core/index.ts";
import type { PinsAnswer, PinUpdateAnswer } from "../../intake/index.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

interface PinsOptions {
  readonly update?: boolean;
  readonly component?: string;
  readonly below?: string;
}

export function addPins(program: Command, context: CommandContext): void {
  const command = program
    .command("pins")
    .argument("[deployment]", "with --update, where there are several")
    .option("--update", "open a change that edits only the pins")
    .option("--component <name>", "with --update: only its images")
    .option("--below <folder>", "with --update: only files there")
    .description("what the deployment pins, what is newer")
    .addHelpText("after", "\nExample: fairlead pins --update\nUndo: close the change.");
  context.action(command, async (deployment: string | undefined, options: PinsOptions) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const { output } = context;
    if (options.update === true) {
      const { component, below } = options;
      const done = await client.value.post<PinUpdateAnswer>("/pins/update", { deployment, component, below });
      if (!done.ok) return context.fail(done.error);
      if (context.globals().json) output.json(done.value);
      else tellUpdate(context, done.value);
      return 0;
    }
    const found = await client.value.get<PinsAnswer>("/pins");
    if (!found.ok) return context.fail(found.error);
    const items = found.value.items.filter((item) => deployment === undefined || item.deployment === deployment);
    if (context.globals().json) output.json({ ...found.value, items });
    else {
      const rows = items.map((item) => [
        item.image.slice(item.image.lastIndexOf("/") + 1),
        item.pinned,
        item.newest ?? "–",
        item.behindReleases === null ? "?" : String(item.behindReleases),
        item.behindDays === null ? "?" : `${item.behindDays}d`,
        `${item.file}:${item.line}`,
      ]);
      if (rows.length > 0) output.print(table(["IMAGE", "PINNED", "NEWEST", "RELEASES", "BEHIND", "WHERE"], rows));
      else if (found.value.unread.length === 0) output.print("no deployment pins an image of the family");
      for (const item of items)
        if (item.withdrawn !== null)
          output.print(
            `${item.file}:${item.line}: ${item.component} ${item.pinned} was withdrawn: ${forOneLine(item.withdrawn, 200)}`,
          );
      for (const { deployment: name, reason } of found.value.unread) output.print(`${name}: not read: ${reason}`);
      if (items.some((item) => item.behindReleases !== 0)) output.print("Next: fairlead pins --update");
    }
    return 0;
  });
}

function tellUpdate(context: CommandContext, answer: PinUpdateAnswer): void {
  const { output } = context;
  for (const edit of answer.edits) output.print(`${edit.file}:${edit.line}: ${edit.from} → ${edit.to}`);
  for (const kept of answer.kept) output.print(`${kept.file}:${kept.line}: ${kept.image} stays: ${kept.reason}`);
  if (answer.proposed)
    output.print(`Next release of ${answer.deployment}: ${answer.proposed.version}, since ${answer.proposed.reason}`);
  if (answer.change === undefined) output.print("nothing to update");
  else
    output.print(
      `Change ${answer.change} of ${answer.deployment}. Next: fairlead merge ${answer.deployment} ${answer.change}`,
    );
}
