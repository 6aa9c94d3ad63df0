import type { Command } from "commander";
import type { CommandContext } from "../context.ts";

export function addAllow(program: Command, context: CommandContext): void {
  const command = program
    .command("allow")
    .argument("<component>")
    .argument("<number>")
    .description("lets the head commit of a stranger's change be tested")
    .addHelpText(
      "after",
      "\nExample: fairlead allow greeter 4\nUndo: fairlead abort RUN; a new head needs it again anyway.",
    );
  context.action(command, (component: string, number: string) =>
    act(
      context,
      component,
      number,
      "allow",
      (answer) => `its head ${String(answer["head"]).slice(0, 7)} is tested now`,
    ),
  );
}

export function addClose(program: Command, context: CommandContext): void {
  const command = program
    .command("close")
    .argument("<component>")
    .argument("<number>")
    .description("closes a change without merging it")
    .addHelpText("after", "\nExample: fairlead close greeter 4\nUndo: push it again to refs/for/<branch>.");
  context.action(command, (component: string, number: string) =>
    act(context, component, number, "close", () => "closed"),
  );
}

async function act(
  context: CommandContext,
  component: string,
  number: string,
  what: "allow" | "close",
  tell: (answer: Readonly<Record<string, unknown>>) => string,
): Promise<number> {
  const client = await context.client();
  if (!client.ok) return context.fail(client.error);
  const path = `/changes/${encodeURIComponent(component)}/${encodeURIComponent(number)}/${what}`;
  const done = await client.value.post<Record<string, unknown>>(path, {});
  if (!done.ok) return context.fail(done.error);
  if (context.globals().json) context.output.json(done.value);
  else context.output.print(`${component}#${number}: ${tell(done.value)}`);
  return 0;
}
