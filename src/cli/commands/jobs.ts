import type { Command } from "commander";
import type { Job } from "../../jobs/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

export function addJobs(program: Command, context: CommandContext): void {
  const command = program
    .command("jobs")
    .argument("[component]")
    .description("the jobs, with where each comes from")
    .addHelpText("after", "\nExample: fairlead jobs greeter");
  context.action(command, async (component: string | undefined) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const jobs = await client.value.get<{ items: readonly Job[] }>(`/jobs${query({ component })}`);
    if (!jobs.ok) return context.fail(jobs.error);
    if (context.globals().json) {
      context.output.json(jobs.value);
      return 0;
    }
    const rows = jobs.value.items.map((job) => [
      job.name,
      job.type,
      job.component ?? "–",
      job.optional ? "optional" : "required",
      job.origin,
      job.branches.join(" ") || "every branch",
    ]);
    context.output.print(table(["JOB", "TYPE", "COMPONENT", "MERGE", "FROM", "BRANCHES"], rows));
    return 0;
  });
}
