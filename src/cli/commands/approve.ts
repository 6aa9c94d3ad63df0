import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { showRelease } from "./releases.ts";

export function addApprove(program: Command, context: CommandContext): void {
  const command = program
    .command("approve")
    .argument("<release>", "component@v1.0.0")
    .requiredOption("--reason <text>", "kept with the release")
    .description("lets a quarantined release through, on the record")
    .addHelpText(
      "after",
      "\nExample: fairlead approve greeter@v1.1.0 --reason 'hotfix, agreed with both maintainers'\nCannot be undone.",
    );
  context.action(command, async (release: string, options: { reason: string }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const done = await client.value.post<{ id: string }>(`/releases/${encodeURIComponent(release)}/approve`, {
      reason: options.reason,
    });
    if (!done.ok) return context.fail(done.error);
    return await showRelease(context, client.value, done.value.id, true);
  });
}
