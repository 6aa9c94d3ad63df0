import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { stringify } from "yaml";
import { err, fault, formatGoDuration, ok } from "../../core/index.ts";
import { generateJobs, type Job, prowDocument } from "../../jobs/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

export function addJobs(program: Command, context: CommandContext): void {
  const command = program
    .command("jobs")
    .argument("[component]")
    .option("--output <format>", "prow: as Prow's job file, with TestGrid annotations")
    .description("the jobs, with where each comes from; without a server those of the family file")
    .addHelpText("after", "\nExamples:\n  fairlead jobs greeter\n  fairlead jobs --output prow > jobs.yaml");
  context.action(command, async (component: string | undefined, options: { output?: string }) => {
    if (options.output !== undefined && options.output !== "prow")
      return context.fail(
        fault("bad-input", `${options.output} is no format of jobs`, { hint: "--output prow, or --json" }),
      );
    if (options.output === "prow") return await printProw(context, component);
    const fromFile = await jobsOfFile(context, component);
    if (fromFile) return tellJobs(context, fromFile);
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const jobs = await client.value.get<{ items: readonly Job[] }>(`/jobs${query({ component })}`);
    if (!jobs.ok) return context.fail(jobs.error);
    return tellJobs(context, jobs.value.items);
  });
}

function tellJobs(context: CommandContext, items: readonly Job[]): number {
  if (context.globals().json) {
    context.output.json({ items });
    return 0;
  }
  const rows = items.map((job) => [
    job.name,
    job.type,
    job.component ?? "–",
    mergeWord(job),
    whenWord(job),
    job.origin,
    job.branches.join(" ") || (job.type === "periodic" ? "" : "every branch"),
  ]);
  context.output.print(table(["JOB", "TYPE", "COMPONENT", "MERGE", "STARTS", "FROM", "BRANCHES"], rows));
  return 0;
}

function mergeWord(job: Job): string {
  if (job.type !== "presubmit") return "–";
  return job.optional || job.skipReport ? "optional" : "required";
}

function whenWord(job: Job): string {
  const { schedule } = job;
  if (schedule?.kind === "cron") return `cron ${schedule.expression}`;
  if (schedule) return `every ${formatGoDuration(schedule.everyMs)}`;
  if (job.type === "postsubmit") return job.alwaysRun === false ? "by hand" : "on pushes";
  if (job.alwaysRun === true) return "on changes";
  return job.runIfChanged === undefined && job.skipIfOnlyChanged === undefined ? job.rerunCommand : "on some changes";
}

/** Jobs of a family file that no server or home stands behind yet; `undefined` where one does. */
async function jobsOfFile(context: CommandContext, component: string | undefined): Promise<readonly Job[] | undefined> {
  const { config, home, server } = context.globals();
  const served = server ?? context.deps.env["FAIRLEAD_URL"];
  if (served !== undefined || (await stat(home).catch(() => undefined))) return undefined;
  const read = await readJobs(context, config);
  if (!read.ok) return undefined;
  return read.value.jobs.filter((job) => component === undefined || job.component === component);
}

async function readJobs(context: CommandContext, config: string) {
  const read = await context.deps.readConfiguration(config, undefined);
  if (!read.ok) return read;
  const { family, loaded, diagnostics } = read.value;
  if (family) return ok({ family, jobs: [...generateJobs(family, {}), ...loaded] });
  const first = diagnostics.find((each) => each.severity === "error");
  const place = first && { file: first.file, line: first.line, column: first.column };
  return err(
    fault("bad-input", first?.message ?? "the configuration cannot be read", { place, hint: "fairlead check" }),
  );
}

async function printProw(context: CommandContext, component: string | undefined): Promise<number> {
  const read = await readJobs(context, context.globals().config);
  if (!read.ok) return context.fail(read.error);
  const { family, jobs } = read.value;
  const wanted = jobs.filter((job) => component === undefined || job.component === component);
  context.output.print(
    `# Written by: fairlead jobs --output prow\n${stringify(prowDocument(family, wanted), { aliasDuplicateObjects: false, lineWidth: 0, version: "1.1" })}`,
  );
  return 0;
}
