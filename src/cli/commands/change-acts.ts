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

export function addComment(program: Command, context: CommandContext): void {
  const command = program
    .command("comment")
    .argument("<component>")
    .argument("<number>")
    .argument("<text>", "Prow's commands in it are carried out: /test NAME, /test all, /retest, /test ?")
    .description("says something about a change, for example which job to run")
    .addHelpText(
      "after",
      '\nExample: fairlead comment greeter 4 "/test ?"\nUndo: fairlead abort RUN, for each run it started.',
    );
  context.action(command, async (component: string, number: string, text: string) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const path = `/changes/${encodeURIComponent(component)}/${encodeURIComponent(number)}/comments`;
    const done = await client.value.post<Commented>(path, { comment: text });
    if (!done.ok) return context.fail(done.error);
    const { output } = context;
    if (context.globals().json) {
      output.json(done.value);
      return 0;
    }
    for (const run of done.value.runs) output.print(`${run.job} starts: fairlead logs ${run.id} -f`);
    for (const reply of done.value.replies) output.print(reply);
    if (done.value.runs.length + done.value.replies.length === 0) output.print("noted; it starts nothing");
    return 0;
  });
}

interface Commented {
  readonly runs: readonly { readonly id: string; readonly job: string }[];
  readonly replies: readonly string[];
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
