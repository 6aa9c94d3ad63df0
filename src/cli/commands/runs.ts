import type { Command } from "commander";
import { glyphs, type List, type RunItem } from "../../server/views/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { age, table } from "../output.ts";

interface RunsOptions {
  readonly component?: string;
  readonly job?: string;
  readonly state?: string;
  readonly change?: string;
  readonly limit: string;
}

export function addRuns(program: Command, context: CommandContext): void {
  const command = program
    .command("runs")
    .description("runs, newest first")
    .option("--component <name>")
    .option("--job <name>")
    .option("--state <state>", "triggered, pending, success, failure, aborted, error")
    .option("--change <number>")
    .option("--limit <n>", "at most so many", "30")
    .addHelpText("after", "\nExample: fairlead runs --component greeter --state failure");
  context.action(command, async (options: RunsOptions) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const runs = await client.value.get<List<RunItem>>(`/runs${query({ ...options })}`);
    if (!runs.ok) return context.fail(runs.error);
    const { output, deps } = context;
    if (context.globals().json) {
      output.json(runs.value);
      return 0;
    }
    const now = deps.clock.now();
    const rows = runs.value.items.map((run) => [
      run.id,
      `${glyphs[run.mark]} ${run.word}`,
      run.job,
      run.change === null ? run.refs.base_ref : `#${run.change}`,
      age(run.created, now),
      run.description,
    ]);
    output.print(rows.length === 0 ? "no runs yet" : table(["RUN", "STATE", "JOB", "OF", "AGE", "WHAT"], rows));
    return 0;
  });
}
