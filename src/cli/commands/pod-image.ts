import { resolve } from "node:path";
import type { Command } from "commander";
import { fault } from "../../core/index.ts";
import type { CommandContext } from "../context.ts";

export function addPodImage(program: Command, context: CommandContext): void {
  const command = program
    .command("pod-image")
    .option("--push <image>", "host/folder/name:tag, with what docker login stored")
    .option("--to <folder>", "a new folder, as an OCI layout")
    .description("makes the image of the containers that stand beside jobs in pods (execute.kind: kubernetes)")
    .addHelpText(
      "after",
      "\nExample: fairlead pod-image --push registry.example/fairlead/pod:0.1.0\nUndo: remove the folder or the tag.",
    );
  context.action(command, async (asked: { readonly push?: string; readonly to?: string }) => {
    const { push, to } = asked;
    if ((push === undefined) === (to === undefined))
      return context.fail(fault("bad-input", "one of --push and --to is needed", { hint: "fairlead help pod-image" }));
    const made = await context.deps.podImage(
      push === undefined ? { folder: resolve(context.deps.cwd, to ?? "") } : { reference: push },
    );
    if (!made.ok) return context.fail(made.error);
    const place = push ?? to ?? "";
    if (context.globals().json) context.output.json({ place, ...made.value });
    else context.output.print(`${made.value.digest}: ${made.value.platform} in ${place}`);
    return 0;
  });
}
