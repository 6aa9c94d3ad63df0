import { resolve } from "node:path";
import type { Command } from "commander";
import type { CommandContext } from "../context.ts";

export function addPull(program: Command, context: CommandContext): void {
  const command = program
    .command("pull")
    .argument("<image>", "host/family/image:tag")
    .argument("<folder>", "a new folder")
    .description("an image as an OCI layout, where no other tool is at hand")
    .addHelpText(
      "after",
      "\nExample: fairlead pull 127.0.0.1:7070/sample/greeter:v1.0.0 greeter-image\nUndo: remove the folder.",
    );
  context.action(command, async (image: string, folder: string) => {
    const pulled = await context.deps.pull(image, resolve(context.deps.cwd, folder));
    if (!pulled.ok) return context.fail(pulled.error);
    if (context.globals().json) context.output.json({ image, folder, ...pulled.value });
    else
      context.output.print(
        `${pulled.value.digest}: ${pulled.value.blobs} blobs, ${pulled.value.bytes.toLocaleString("en")} bytes in ${folder}`,
      );
    return 0;
  });
}
