import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { err, fault, ok, type Result } from "../../core/index.ts";
import { generateJobs, type Job } from "../../jobs/index.ts";
import { compareDecisions, compareJobs, type FamilyEvent } from "../../plan/index.ts";
import type { ApiClient } from "../api-client.ts";
import type { CommandContext } from "../context.ts";

interface PlanAnswer {
  readonly event: FamilyEvent;
  readonly runs: readonly { readonly job: string; readonly reason: string }[];
  readonly skipped: readonly { readonly job: string; readonly reason: string }[];
  readonly effects: readonly { readonly kind: string; readonly reason: string }[];
}

export function addPlan(program: Command, context: CommandContext): void {
  const command = program
    .command("plan")
    .argument("[kind]", "tag, push or change")
    .argument("[component]")
    .argument("[what]", "version, branch or change number")
    .option("--event <file>", "an event, or several, one a line, or deliveries of GitHub; - is stdin")
    .option("--against <file>", "another family file: what it would change, weakened gates first")
    .description("what an event would cause, and why, without doing it")
    .addHelpText(
      "after",
      "\nExamples:\n  fairlead plan tag greeter v1.1.0\n  fairlead plan change greeter 3 --against proposed/fairlead.yaml",
    );
  context.action(
    command,
    async (
      kind: string | undefined,
      component: string | undefined,
      what: string | undefined,
      options: { event?: string; against?: string },
    ) => {
      const client = await context.client();
      if (!client.ok) return context.fail(client.error);
      const other = options.against === undefined ? undefined : await otherJobs(context, client.value, options.against);
      if (other && !other.ok) return context.fail(other.error);
      const onlyAgainst = other !== undefined && kind === undefined && options.event === undefined;
      if (onlyAgainst) return tellDifference(context, other.value);
      const events = options.event === undefined ? short(kind, component, what) : await fromFile(options.event);
      if (!events.ok) return context.fail(events.error);
      for (const event of events.value) {
        const code = await tellPlan(context, client.value, event, other?.value);
        if (code !== 0) return code;
      }
      return 0;
    },
  );
}

async function tellPlan(
  context: CommandContext,
  client: ApiClient,
  event: unknown,
  other: OtherJobs | undefined,
): Promise<number> {
  const plan = await client.post<PlanAnswer>("/plan", { event });
  if (!plan.ok) return context.fail(plan.error);
  const { output } = context;
  const changes = other && compareDecisions(plan.value.event, other.before, other.after);
  if (context.globals().json) {
    output.json(changes ? { ...plan.value, against: { decisions: changes } } : plan.value);
    return 0;
  }
  for (const run of plan.value.runs) output.print(`${output.paint("green", "run ")}  ${run.job}: ${run.reason}`);
  for (const skip of plan.value.skipped) output.print(`${output.paint("dim", "skip")}  ${skip.job}: ${skip.reason}`);
  for (const effect of plan.value.effects) output.print(`${effect.kind}: ${effect.reason}`);
  if (plan.value.runs.length + plan.value.effects.length === 0) output.print("nothing would follow");
  if (!changes) return 0;
  output.print(
    changes.length === 0 ? "the other configuration decides the same" : "the other configuration decides otherwise:",
  );
  for (const change of changes) {
    const mark = change.weakened ? output.paint("red", "weakened") : "changed";
    output.print(`${mark}  ${change.job}\n  now:   ${change.before}\n  then:  ${change.after}`);
  }
  return 0;
}

interface OtherJobs {
  readonly before: readonly Job[];
  readonly after: readonly Job[];
  readonly branches: Readonly<Record<string, readonly string[]>>;
}

/** The jobs as they are served and as another family file has them; read here, where that file is. */
async function otherJobs(context: CommandContext, client: ApiClient, file: string): Promise<Result<OtherJobs>> {
  const served = await client.get<{ items: readonly Job[]; branches: OtherJobs["branches"] }>("/jobs");
  if (!served.ok) return served;
  const read = await context.deps.readConfiguration(resolve(context.deps.cwd, file), undefined);
  if (!read.ok) return read;
  const { family, diagnostics, loaded } = read.value;
  const first = diagnostics.find((diagnostic) => diagnostic.severity === "error");
  if (!family) {
    const place = first && { file: first.file, line: first.line, column: first.column };
    return err(
      fault("bad-input", first?.message ?? "cannot be read", { place, hint: `fairlead check --config ${file}` }),
    );
  }
  const { items: before, branches } = served.value;
  const defaults = Object.fromEntries(
    Object.entries(branches).flatMap(([name, [first]]) => (first === undefined ? [] : [[name, first]])),
  );
  return ok({ before, after: [...generateJobs(family, defaults), ...loaded], branches });
}

function tellDifference(context: CommandContext, other: OtherJobs): number {
  const { output } = context;
  const difference = compareJobs(other.before, other.after, other.branches);
  if (context.globals().json) {
    output.json(difference);
    return 0;
  }
  for (const gate of difference.gates) {
    const mark = gate.weakened ? output.paint("red", "weakened") : "changed ";
    output.print(
      `${mark}  ${gate.component} ${gate.branch}: ${gate.context} was ${gate.before}, would be ${gate.after}`,
    );
  }
  for (const job of difference.jobs) {
    output.print(`${job.what.padEnd(8)}  ${job.job}${job.members.length > 0 ? `: ${job.members.join(", ")}` : ""}`);
  }
  if (difference.gates.length + difference.jobs.length === 0) output.print("no job would change");
  return 0;
}

function short(kind: string | undefined, component: string | undefined, what: string | undefined): Result<unknown[]> {
  const usage = { hint: "fairlead plan tag greeter v1.1.0 | push greeter main | change greeter 3 | --event FILE" };
  if (component === undefined || what === undefined) return err(fault("bad-input", "plan needs an event", usage));
  if (kind === "tag") return ok([{ kind, component, ref: `refs/tags/${what}` }]);
  if (kind === "push") return ok([{ kind, component, ref: `refs/heads/${what}` }]);
  if (kind === "change" && /^\d{1,9}$/.test(what)) return ok([{ kind, component, change: { number: Number(what) } }]);
  return err(fault("bad-input", `${kind ?? ""} ${what} is no event`, usage));
}

async function fromFile(name: string): Promise<Result<unknown[]>> {
  const content = name === "-" ? await text(process.stdin) : await readFile(name, "utf8").catch(() => undefined);
  if (content === undefined) return err(fault("bad-input", `${name} cannot be read`));
  const whole = parse(content);
  if (whole !== undefined) return ok([whole]);
  const events: unknown[] = [];
  for (const [index, line] of content.split("\n").entries()) {
    if (line.trim() === "") continue;
    const event = parse(line);
    if (event === undefined)
      return err(fault("bad-input", "this line is not JSON", { place: { file: name, line: index + 1, column: 1 } }));
    events.push(event);
  }
  return ok(events);
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
