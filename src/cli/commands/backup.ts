import { createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { fault } from "../../core/index.ts";
import type { CommandContext } from "../context.ts";

export function addBackup(program: Command, context: CommandContext): void {
  const command = program
    .command("backup")
    .argument("<file>", "a new file: a gzipped tar")
    .description("everything the home needs to live again, consistent while the server works")
    .addHelpText("after", "\nExample: fairlead backup fairlead-backup.tar.gz\nUndo: remove the file.");
  context.action(command, async (file: string) => {
    const target = resolve(context.deps.cwd, file);
    if (await stat(target).catch(() => undefined)) return context.fail(fault("refused", `${file} exists already`));
    const { config, home, json } = context.globals();
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    let bytes = 0;
    if (client.value.readsHome) {
      await context.close();
      const done = await context.deps.backupHome(config, home, target);
      if (!done.ok) return context.fail(done.error);
      bytes = done.value.bytes;
    } else {
      const answer = await client.value.raw("/backup", { method: "POST" });
      if (!answer.ok) return context.fail(answer.error);
      if (!answer.value.body) return context.fail(fault("failed", "the server sent nothing"));
      try {
        await pipeline(Readable.from(answer.value.body), createWriteStream(`${target}.part`, { mode: 0o600 }));
      } catch (error) {
        await rm(`${target}.part`, { force: true });
        return context.fail(
          fault("failed", `the backup broke off: ${error instanceof Error ? error.message : String(error)}`),
        );
      }
      await rename(`${target}.part`, target);
      bytes = (await stat(target)).size;
    }
    if (json) context.output.json({ file: target, bytes });
    else
      context.output.print(
        `${file}: ${bytes.toLocaleString("en")} bytes; it holds secrets, keep it private. Back: fairlead restore ${file} --home NEW`,
      );
    return 0;
  });
}

export function addRestore(program: Command, context: CommandContext): void {
  const command = program
    .command("restore")
    .argument("<file>")
    .description("makes a new home from a backup; nothing is overwritten")
    .addHelpText(
      "after",
      "\nExample: fairlead restore fairlead-backup.tar.gz --home /srv/fairlead\nUndo: remove the new home.",
    );
  context.action(command, async (file: string) => {
    const { home, json } = context.globals();
    const done = await context.deps.restoreHome(resolve(context.deps.cwd, file), home);
    if (!done.ok) return context.fail(done.error);
    if (json) context.output.json({ home, ...done.value });
    else
      context.output.print(
        `${done.value.files.toLocaleString("en")} files into ${home}; start it: fairlead serve --home ${home}`,
      );
    return 0;
  });
}
