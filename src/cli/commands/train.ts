import { resolve } from "node:path";
import type { Command } from "commander";
import { forOneLine } from "../../core/index.ts";
import type { StartedTrain, TrainRequest } from "../../intake/index.ts";
import type { TrainItem } from "../../policy/index.ts";
import { glyphs, type TrainPlanView, type TrainStopView, type TrainView } from "../../server/views/index.ts";
import type { ApiClient } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

interface TrainOptions {
  readonly output?: string;
  readonly follow?: boolean;
  readonly stop?: boolean;
  readonly reason: string;
}

export function addTrain(program: Command, context: CommandContext): void {
  const command = program
    .command("train")
    .argument("[train]", "t1: one that was started")
    .option("--output <file>", "writes what release --train takes")
    .option("-f, --follow", "with a train: until it is over")
    .option("--stop", "with a train: begins no further release of it")
    .option("--reason <text>", "with --stop", "asked for")
    .description("which components need a release, in which order and version, and what blocks each")
    .addHelpText(
      "after",
      "\nExample: fairlead train --output train.yaml\nUndo: fairlead release --train train.yaml goes on with what was stopped.",
    );
  context.action(command, async (id: string | undefined, options: TrainOptions) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    if (id === undefined) return await tellPlan(context, client.value, options.output);
    if (options.stop === true) {
      const stopped = await client.value.post(`/trains/${encodeURIComponent(id)}/stop`, { reason: options.reason });
      if (!stopped.ok) return context.fail(stopped.error);
    }
    return await followTrain(context, client.value, id, options.follow === true);
  });
}

async function tellPlan(context: CommandContext, client: ApiClient, file: string | undefined): Promise<number> {
  const { output, deps } = context;
  const found = await client.get<TrainPlanView>("/train");
  if (!found.ok) return context.fail(found.error);
  const plan = found.value;
  if (file !== undefined) {
    const written = await deps.writeFile(resolve(deps.cwd, file), trainFile(plan.items));
    if (!written.ok) return context.fail(written.error);
  }
  if (context.globals().json) {
    output.json(plan);
    return 0;
  }
  if (plan.items.length === 0) output.print("no component needs a release");
  else {
    const rows = plan.items.map((item, index) => [
      String(index + 1),
      item.component,
      item.version,
      item.branch,
      item.state,
      item.why,
    ]);
    output.print(table(["", "COMPONENT", "VERSION", "BRANCH", "STATE", "WHY"], rows));
    for (const item of plan.items) tellItem(context, item);
  }
  for (const { component, branch, reason } of plan.rest) output.print(`${component} ${branch}: no release: ${reason}`);
  for (const lane of plan.redLanes)
    output.print(
      `Lane ${lane.name} is red: what is released now was not seen to work together: fairlead logs ${lane.run}`,
    );
  for (const train of plan.trains.filter((each) => each.state === "going"))
    output.print(`Train ${train.id} of ${train.by} goes: fairlead train ${train.id} -f`);
  if (file !== undefined) output.print(`Next: fairlead release --train ${file}`);
  else if (plan.items.length > 0) output.print("Next: fairlead train --output train.yaml");
  return 0;
}

function tellItem(context: CommandContext, item: TrainItem): void {
  const { output } = context;
  const name = `${item.component} ${item.version}`;
  if (item.after.length > 0) output.print(`${name} comes after ${item.after.join(", ")}`);
  for (const { what, who, command } of item.blockers) {
    output.print(`${name} is blocked: ${forOneLine(what, 400)}`);
    output.print(`  ${who}: ${command ?? item.command}`);
  }
  if (item.blockers.length === 0 && item.state !== "waits") output.print(`${name}: ${item.who}: ${item.command}`);
  for (const note of item.notes) output.print(`  note: ${forOneLine(note, 400)}`);
}

/** What `release --train` takes; what stands in the way is in its comments. */
export function trainFile(items: readonly TrainItem[]): string {
  const comment = (text: string) => `    # ${forOneLine(text, 400)}`;
  const lines = items.flatMap((item) => {
    const after = [...new Set(item.after.map((id) => id.slice(0, id.lastIndexOf("@"))))];
    return [
      `  - component: ${item.component}`,
      `    version: ${item.version}`,
      ...(after.length === 0 ? [`    commit: ${item.commit}`] : [`    after: [${after.join(", ")}]`]),
      comment(item.why),
      ...item.blockers.map(({ what, who, command }) =>
        comment(`blocked: ${what} (${who}: ${command ?? item.command})`),
      ),
    ];
  });
  const head =
    "# Leave out what is not to be released. A deployment takes the head that has its pins when its turn comes.";
  return `${head}\nreleases:${lines.length === 0 ? " []" : ""}\n${lines.join("\n")}\n`;
}

/** `fairlead release --train FILE`. */
export async function releaseTrain(
  context: CommandContext,
  client: ApiClient,
  file: string,
  options: { readonly dryRun?: boolean; readonly yes?: boolean },
): Promise<number> {
  const { deps, output } = context;
  const { json } = context.globals();
  const read = await deps.readTrain(resolve(deps.cwd, file));
  if (!read.ok) return context.fail(read.error);
  const { request, placed } = read.value;
  if (options.yes !== true || options.dryRun === true) {
    const code = await tellRequest(context, client, request);
    if (code !== 0 || options.dryRun === true) return code;
    const count = `${request.releases.length} release${request.releases.length === 1 ? "" : "s"}`;
    if (json || !deps.terminal.present) {
      if (!json) output.print(`Nothing was tagged. Next: fairlead release --train ${file} --yes`);
      return 1;
    }
    const typed = await deps.terminal.ask(`Type ${request.releases.length} to start ${count}: `);
    if (typed?.trim() !== String(request.releases.length)) {
      output.print("Nothing was tagged.");
      return 1;
    }
  }
  const started = await client.post<StartedTrain>("/trains", request);
  if (!started.ok) return context.fail(placed(started.error));
  const { id } = started.value;
  output.progress(started.value.started ? `train ${id} was started` : `train ${id} goes already`);
  return await followTrain(context, client, id, true);
}

/** What the plan of now says of each release of the file. */
async function tellRequest(context: CommandContext, client: ApiClient, request: TrainRequest): Promise<number> {
  const { output } = context;
  const found = await client.get<TrainPlanView>("/train");
  if (!found.ok) return context.fail(found.error);
  const rows = request.releases.map(({ component, version }) => {
    const item = found.value.items.find((each) => each.component === component && each.version === version);
    const blockers = item?.blockers.map(({ what }) => what).join("; ");
    return { component, version, state: item?.state ?? "not planned", why: blockers || (item?.why ?? "") };
  });
  if (context.globals().json) output.json({ items: rows });
  else
    output.print(
      table(
        ["COMPONENT", "VERSION", "STATE", "WHY"],
        rows.map((row) => [row.component, row.version, row.state, row.why]),
      ),
    );
  return 0;
}

/** Answers 1 when a release of it failed, or it was not watched to its end. */
async function followTrain(context: CommandContext, client: ApiClient, id: string, follow: boolean): Promise<number> {
  const { output, deps } = context;
  const told = new Map<string, string>();
  let interrupted = false;
  const undo = follow
    ? deps.terminal.onInterrupt(() => {
        interrupted = true;
      })
    : () => {};
  try {
    for (;;) {
      const read = await client.get<TrainView>(`/trains/${encodeURIComponent(id)}`);
      if (!read.ok) return context.fail(read.error);
      const train = read.value;
      for (const stop of train.stops) tellStop(context, stop, told);
      const over = train.state !== "going" && train.stops.every((stop) => stop.ended !== null || !follow);
      if (follow && !over && interrupted) {
        output.progress(`train ${id} is not watched any more; it goes on`);
        output.progress(`begin no further release: fairlead train ${id} --stop --reason TEXT`);
        output.progress(`watch it again: fairlead train ${id} -f`);
        return 1;
      }
      if (follow && !over) {
        await new Promise<void>((done) => deps.clock.after(300, done));
        continue;
      }
      if (context.globals().json) output.json(train);
      else output.print(`train ${id} ${train.state}${train.reason === "" ? "" : `: ${train.reason}`}`);
      return follow && train.stops.some((stop) => stop.state !== "published") ? 1 : 0;
    }
  } finally {
    undo();
  }
}

function tellStop(context: CommandContext, stop: TrainStopView, told: Map<string, string>): void {
  const key = `${stop.component}@${stop.version}`;
  const line = `${stop.state}: ${stop.reason}`;
  if (told.get(key) === line) return;
  told.set(key, line);
  if (context.globals().json) return;
  context.output.print(
    `${key}: ${glyphs[stop.mark]} ${stop.word}${stop.reason === "" ? "" : `: ${forOneLine(stop.reason, 300)}`}`,
  );
}
