import type { Command } from "commander";
import type { CommandContext } from "../context.ts";

export function addDoctor(program: Command, context: CommandContext): void {
  const command = program
    .command("doctor")
    .description("what this machine can do, what each lack switches off, the line that mends it")
    .addHelpText("after", "\nExample: fairlead doctor");
  context.action(command, async () => {
    const read = await context.deps.readConfiguration(context.globals().config, undefined);
    const items = await context.deps.capabilities({
      family: read.ok ? read.value.family : undefined,
      containers: true,
    });
    const { output } = context;
    if (context.globals().json) {
      output.json({ items });
      return 0;
    }
    for (const item of items) {
      const mark = item.present ? output.paint("green", "✓") : output.paint("yellow", "◌");
      output.print(`${mark} ${item.need}: ${item.detail}`);
      if (item.present) continue;
      output.print(`    switches off: ${item.switchesOff}`);
      output.print(`    mend: ${item.mend}`);
    }
    return 0;
  });
}
