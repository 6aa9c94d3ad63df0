import type { Command } from "commander";
import { forOneLine } from "../../core/index.ts";
import type { StatusView } from "../../server/views/index.ts";
import { glyphs } from "../../server/views/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { age, table } from "../output.ts";

export function addStatus(program: Command, context: CommandContext): void {
  const command = program
    .command("status")
    .argument("[component]")
    .description("where each component stands: last release, head, canary, what blocks the next")
    .addHelpText("after", "\nExample: fairlead status greeter");
  context.action(command, async (component: string | undefined) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const status = await client.value.get<StatusView>(`/status${query({ component })}`);
    if (!status.ok) return context.fail(status.error);
    const { output, deps } = context;
    if (context.globals().json) {
      output.json(status.value);
      return 0;
    }
    const now = deps.clock.now();
    const rows = status.value.items.map((row) => [
      row.component,
      row.release?.version ?? (row.kind === "internal" ? "internal" : "–"),
      age(row.release?.published, now),
      row.head?.commit.slice(0, 7) ?? "–",
      row.required.text,
      row.canary?.commit.slice(0, 7) ?? "–",
      age(row.canary?.moved, now),
      `${row.next.mark ? `${glyphs[row.next.mark.state]} ` : ""}${row.next.text}`,
    ]);
    output.print(table(["COMPONENT", "RELEASE", "AGE", "HEAD", "REQUIRED", "CANARY", "AGE", "NEXT"], rows));
    for (const row of status.value.items)
      for (const { branch, version, until, by } of row.frozen)
        output.print(
          `Frozen: ${row.component} ${branch}, for ${version}, until ${until === null ? "it is published" : until.slice(0, 16)} (${by})`,
        );
    for (const { component: name, withdrawn } of status.value.items)
      if (withdrawn) output.print(`Withdrawn: ${name} ${withdrawn.version}: ${forOneLine(withdrawn.reason, 200)}`);
    const { next } = status.value;
    output.print(next.command === undefined ? next.text : `Next: ${next.command}`);
    return 0;
  });
}
