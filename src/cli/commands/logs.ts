import type { Command } from "commander";
import { forTerminal } from "../../core/index.ts";
import type { RunView } from "../../server/views/index.ts";
import type { ApiClient } from "../api-client.ts";
import type { CommandContext } from "../context.ts";

export function addLogs(program: Command, context: CommandContext): void {
  const command = program
    .command("logs")
    .argument("<run>", "a run's id or build id")
    .option("-f, --follow", "until the run ends")
    .description("the log of a run")
    .addHelpText("after", "\nExample: fairlead logs -f 2f1c…");
  context.action(command, async (run: string, options: { follow?: boolean }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    return await printLog(context, client.value, run, options.follow === true);
  });
}

/** Prints a log from its beginning; followed, it answers 1 for a run that was not green. */
export async function printLog(
  context: CommandContext,
  client: ApiClient,
  run: string,
  follow: boolean,
): Promise<number> {
  const { output, deps } = context;
  const id = encodeURIComponent(run);
  let offset = 0;
  for (;;) {
    const piece = await client.raw(`/runs/${id}/log?offset=${offset}`);
    if (!piece.ok) return context.fail(piece.error);
    const text = await piece.value.text();
    const next = Number(piece.value.headers.get("x-log-next") ?? offset);
    const complete = piece.value.headers.get("x-log-complete") === "true";
    if (text !== "") {
      if (context.globals().json) output.json({ run, offset, text });
      else deps.stdout.write(forTerminal(text));
    }
    const more = next > offset;
    offset = next;
    if (complete && !more) break;
    if (!more && !follow) break;
    if (!more) await new Promise<void>((done) => deps.clock.after(300, done));
  }
  if (!follow) return 0;
  const ended = await client.get<RunView>(`/runs/${id}`);
  return ended.ok && ended.value.state === "success" ? 0 : 1;
}
