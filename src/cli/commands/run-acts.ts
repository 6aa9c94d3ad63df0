import type { Command } from "commander";
import type { CommandContext } from "../context.ts";

export function addRerun(program: Command, context: CommandContext): void {
  const command = program
    .command("rerun")
    .argument("<run>")
    .description("runs it again, on the base and head as they are now")
    .addHelpText("after", "\nExample: fairlead rerun 2f1c…\nUndo: fairlead abort RUN");
  context.action(command, async (run: string) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const done = await client.value.post<{ run: string }>(`/runs/${encodeURIComponent(run)}/rerun`, {});
    if (!done.ok) return context.fail(done.error);
    if (context.globals().json) context.output.json(done.value);
    else context.output.print(`runs again as ${done.value.run}: fairlead logs -f ${done.value.run}`);
    return 0;
  });
}

export function addAbort(program: Command, context: CommandContext): void {
  const command = program
    .command("abort")
    .argument("<run>")
    .option("--reason <text>", "shown with the run", "asked for")
    .description("ends a run that has not ended")
    .addHelpText("after", "\nExample: fairlead abort 2f1c…\nUndo: fairlead rerun RUN");
  context.action(command, async (run: string, options: { reason: string }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const done = await client.value.post(`/runs/${encodeURIComponent(run)}/abort`, { reason: options.reason });
    if (!done.ok) return context.fail(done.error);
    if (context.globals().json) context.output.json(done.value);
    else context.output.print(`${run} is being ended`);
    return 0;
  });
}
