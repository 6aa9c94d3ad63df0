import type { Command } from "commander";
import { Option } from "commander";
import type { CommandContext } from "../context.ts";
import { showRelease } from "./releases.ts";

export function addWithdraw(program: Command, context: CommandContext): void {
  const command = program
    .command("withdraw")
    .argument("<release>", "component@v1.0.0")
    .requiredOption("--reason <text>", "shown wherever the release is")
    .description("a published release is marked as not to be used, its bytes and tag stay; before that, it is stopped")
    .addHelpText(
      "after",
      "\nExample: fairlead withdraw greeter@v1.1.0 --reason 'loses data on restart; use v1.1.1'\nCannot be undone.",
    );
  context.action(command, (release: string, { reason }: { readonly reason: string }) =>
    tell(context, release, "withdraw", { reason }),
  );
}

export function addNote(program: Command, context: CommandContext): void {
  const command = program
    .command("note")
    .argument("<release>", "component@v1.0.0-rc1")
    .argument("[text]", "what was tried")
    .addOption(new Option("--result <result>").choices(["pass", "fail"]).makeOptionMandatory())
    .description("keeps the result of a test that a person did; a failed candidate refuses its final version")
    .addHelpText(
      "after",
      "\nExample: fairlead note greeter@v1.1.0-rc1 'upgraded a cluster of 20 nodes' --result pass\nUndo: note the other result; the newest counts.",
    );
  context.action(command, (release: string, text: string | undefined, { result }: { readonly result: string }) =>
    tell(context, release, "notes", { result, text: text ?? "" }),
  );
}

async function tell(context: CommandContext, release: string, act: string, body: unknown): Promise<number> {
  const client = await context.client();
  if (!client.ok) return context.fail(client.error);
  const done = await client.value.post<{ id: string }>(`/releases/${encodeURIComponent(release)}/${act}`, body);
  if (!done.ok) return context.fail(done.error);
  return await showRelease(context, client.value, done.value.id, false);
}
