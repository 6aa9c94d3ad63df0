import type { Command } from "commander";
import type { CommandContext } from "../context.ts";

export function addOpen(program: Command, context: CommandContext): void {
  const command = program
    .command("open")
    .description("prints the dashboard's address")
    .addHelpText("after", "\nExample: fairlead open");
  context.action(command, async () => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    if (client.value.readsHome) {
      context.output.progress("no server runs on this home; start it: fairlead serve");
      return 1;
    }
    if (context.globals().json) context.output.json({ url: client.value.url });
    else context.output.print(client.value.url);
    return 0;
  });
}
