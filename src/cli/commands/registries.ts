import type { Command } from "commander";
import type { Promoted } from "../../release/index.ts";
import { glyphs, type RegistriesView } from "../../server/views/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

export function addRegistries(program: Command, context: CommandContext): void {
  const command = program
    .command("registries")
    .option("--component <name>")
    .description("which registry has which releases, and what is left")
    .addHelpText("after", "\nExample: fairlead registries --component greeter");
  context.action(command, async (options: { component?: string }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const read = await client.value.get<RegistriesView>(`/registries${query({ component: options.component })}`);
    if (!read.ok) return context.fail(read.error);
    const { output } = context;
    const view = read.value;
    if (context.globals().json) {
      output.json(view);
      return 0;
    }
    const rows = view.items.flatMap((item) =>
      item.registries.map((cell) => [
        item.component,
        item.image,
        cell.registry,
        `${glyphs[cell.mark]} ${cell.word}`,
        cell.newest ?? "",
      ]),
    );
    output.print(
      rows.length === 0
        ? "no image was released yet"
        : table(["COMPONENT", "IMAGE", "REGISTRY", "RELEASES", "NEWEST"], rows),
    );
    if (view.left.length > 0)
      output.print(
        table(
          ["LEFT", "IMAGE", "REGISTRY", "STATE", "WHY"],
          view.left.map((each) => [
            each.release,
            each.image,
            each.registry,
            `${glyphs[each.mark]} ${each.word}`,
            each.detail,
          ]),
        ),
      );
    if (view.leftOut > 0) output.print(`and ${view.leftOut} more`);
    for (const unread of view.audit.unread)
      output.print(`not read by the last audit: ${unread.registry}: ${unread.reason}`);
    if (view.audit.items.length > 0)
      output.print(`${view.audit.items.length} differences from the record: fairlead audit`);
    const { next } = view;
    output.print(next.command === undefined ? next.text : `Next: ${next.command}   (${next.text})`);
    return 0;
  });
}

export function addPromote(program: Command, context: CommandContext): void {
  const command = program
    .command("promote")
    .argument("[release]", "component@v1.0.0")
    .option("--component <name>", "all its releases")
    .option("--all", "every release")
    .option("--registry <name>", "to this registry only, as the family file names it")
    .description("brings releases to registries that lack them, by digest; nothing is built")
    .addHelpText("after", "\nExample: fairlead promote greeter@v1.0.0\nA version tag that stands is never moved.");
  context.action(
    command,
    async (release: string | undefined, options: { component?: string; all?: boolean; registry?: string }) => {
      const client = await context.client();
      if (!client.ok) return context.fail(client.error);
      const { component, all, registry } = options;
      const asked = await client.value.post<Promoted>("/registries/promote", { release, component, all, registry });
      if (!asked.ok) return context.fail(asked.error);
      const { output } = context;
      const { items } = asked.value;
      if (context.globals().json) output.json(asked.value);
      else if (items.length === 0) output.print("nothing is left: every registry asked for has it");
      else {
        const words = { copy: "ordered", again: "tried again now", proof: "its proof is put there again" } as const;
        const rows = items.map((item) => [item.release, item.registry, String(item.images), words[item.what]]);
        output.print(table(["RELEASE", "REGISTRY", "IMAGES", "WHAT"], rows));
        output.print("Next: fairlead registries");
      }
      return 0;
    },
  );
}
