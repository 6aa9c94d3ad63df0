import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { ApiClient } from "../api-client.ts";
import type { CommandContext } from "../context.ts";

interface PlanAnswer {
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
    .option("--event <file>", "an event, or several, one a line; - is stdin")
    .description("what an event would cause, and why, without doing it")
    .addHelpText("after", "\nExample: fairlead plan tag greeter v1.1.0");
  context.action(
    command,
    async (
      kind: string | undefined,
      component: string | undefined,
      what: string | undefined,
      options: { event?: string },
    ) => {
      const client = await context.client();
      if (!client.ok) return context.fail(client.error);
      const events = options.event === undefined ? short(kind, component, what) : await fromFile(options.event);
      if (!events.ok) return context.fail(events.error);
      for (const event of events.value) {
        const code = await tellPlan(context, client.value, event);
        if (code !== 0) return code;
      }
      return 0;
    },
  );
}

async function tellPlan(context: CommandContext, client: ApiClient, event: unknown): Promise<number> {
  const plan = await client.post<PlanAnswer>("/plan", { event });
  if (!plan.ok) return context.fail(plan.error);
  const { output } = context;
  if (context.globals().json) {
    output.json(plan.value);
    return 0;
  }
  for (const run of plan.value.runs) output.print(`${output.paint("green", "run ")}  ${run.job}: ${run.reason}`);
  for (const skip of plan.value.skipped) output.print(`${output.paint("dim", "skip")}  ${skip.job}: ${skip.reason}`);
  for (const effect of plan.value.effects) output.print(`${effect.kind}: ${effect.reason}`);
  if (plan.value.runs.length + plan.value.effects.length === 0) output.print("nothing would follow");
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
