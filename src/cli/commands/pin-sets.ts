import type { Command } from "commander";
import type { List, PinSetItem, PinSetView } from "../../server/views/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { age, table } from "../output.ts";

export function addPinSets(program: Command, context: CommandContext): void {
  const command = program
    .command("pin-sets")
    .argument("[id]", "a pin set, or the first digits of its id; without one the newest are listed")
    .option("--with <id>", "compare it with this one instead of the one before")
    .option("--deployment <name>")
    .description("which images were tested together, and what changed between two sets")
    .addHelpText("after", "\nExample: fairlead pin-sets");
  context.action(command, async (id: string | undefined, options: { with?: string; deployment?: string }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const { output, deps } = context;
    if (id === undefined) {
      const sets = await client.value.get<List<PinSetItem>>(`/pin-sets${query({ deployment: options.deployment })}`);
      if (!sets.ok) return context.fail(sets.error);
      if (context.globals().json) {
        output.json(sets.value);
        return 0;
      }
      const rows = sets.value.items.map((set) => [
        set.id.slice(0, 12),
        set.deployment,
        set.commit.slice(0, 7),
        age(set.resolved, deps.clock.now()),
        set.components.map((each) => `${each.component} ${each.version}`).join(", "),
      ]);
      output.print(
        rows.length === 0
          ? "no pin sets yet; tests in clusters resolve them from the record"
          : table(["PIN SET", "DEPLOYMENT", "OF", "AGE", "COMPONENTS"], rows),
      );
      return 0;
    }
    const set = await client.value.get<PinSetView>(
      `/pin-sets/${encodeURIComponent(id)}${query({ with: options.with })}`,
    );
    if (!set.ok) return context.fail(set.error);
    if (context.globals().json) {
      output.json(set.value);
      return 0;
    }
    const { components, differences, before, deployment } = set.value;
    output.print(`pin set ${set.value.id} of ${deployment.component} at ${deployment.commit} ${deployment.folder}`);
    const rows = components.flatMap((each) =>
      each.images.map((image) => [each.component, each.version, each.commit.slice(0, 7), image.name, image.digest]),
    );
    output.print(`${table(["COMPONENT", "VERSION", "COMMIT", "IMAGE", "DIGEST"], rows)}\n`);
    if (before !== null)
      output.print(
        differences.length === 0
          ? `the same images as in ${before.slice(0, 12)}`
          : table(
              [`SINCE ${before.slice(0, 12)}`, "BEFORE", "NOW", "IMAGES"],
              differences.map((each) => [
                each.component,
                each.before ?? "–",
                each.after ?? "–",
                each.images.join(", ") || "the same bytes",
              ]),
            ),
      );
    return 0;
  });
}
