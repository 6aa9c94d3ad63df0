import type { Command } from "commander";
import type { AuditView } from "../../server/views/index.ts";
import type { CommandContext } from "../context.ts";
import { age, table } from "../output.ts";

export function addAudit(program: Command, context: CommandContext): void {
  const command = program
    .command("audit")
    .option("--last", "what the last one found, without a new one")
    .description("compares every release registry with the record; changes nothing there")
    .addHelpText("after", "\nExample: fairlead audit\nExit code 1: there are differences, or a registry was not read.");
  context.action(command, async (options: { last?: boolean }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const old = options.last === true || client.value.readsHome;
    const read = old ? await client.value.get<AuditView>("/audit") : await client.value.post<AuditView>("/audit", {});
    if (!read.ok) return context.fail(read.error);
    const { output, deps } = context;
    const audit = read.value;
    const clean = audit.finished !== null && audit.items.length === 0 && audit.unread.length === 0;
    if (context.globals().json) {
      output.json(audit);
      return clean ? 0 : 1;
    }
    if (audit.finished === null) {
      output.print("no audit was made yet");
      return 1;
    }
    if (audit.items.length > 0) {
      const rows = audit.items.map((item) => [
        item.kind,
        item.registry,
        `${item.image}:${item.tag}`,
        age(item.since, deps.clock.now()),
        item.sentence,
        item.remedy,
      ]);
      output.print(table(["KIND", "REGISTRY", "IMAGE", "SINCE", "WHAT", "TO DO"], rows));
    }
    for (const { registry, reason } of audit.unread) output.print(`${registry} was not read: ${reason}`);
    output.print(
      `${audit.compared} tags compared, ${audit.items.length} differences, ${age(audit.finished, deps.clock.now())} ago`,
    );
    return clean ? 0 : 1;
  });
}
