import type { Command } from "commander";
import type { WhyView } from "../../server/views/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

export function addWhy(program: Command, context: CommandContext): void {
  const command = program
    .command("why")
    .argument("<subject>", "component, component#7, component@v1.0.0, a commit, a run, an image")
    .description("the stored decisions about a subject as a chain of reasons, and the next command")
    .addHelpText("after", "\nExample: fairlead why greeter@v1.0.0");
  context.action(command, async (subject: string) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const why = await client.value.get<WhyView>(`/why${query({ subject })}`);
    if (!why.ok) return context.fail(why.error);
    const { output } = context;
    if (context.globals().json) {
      output.json(why.value);
      return 0;
    }
    const { answer, chain, leftOut, next } = why.value;
    output.print(`${subject}: ${answer}`);
    if (leftOut > 0) output.print(`(${leftOut} older decisions left out)`);
    if (chain.length > 0) {
      const rows = chain.map((step) => [
        step.at.slice(0, 19).replace("T", " "),
        step.kind,
        step.subject.slice(0, 40),
        step.reason,
      ]);
      output.print(table(["AT (UTC)", "DECIDED", "ABOUT", "BECAUSE"], rows));
    }
    output.print(next.command === undefined ? next.text : `Next: ${next.command}`);
    return 0;
  });
}
