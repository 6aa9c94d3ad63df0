import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { forOneLine } from "../../core/index.ts";
import { generateJobs } from "../../jobs/index.ts";
import type { CommandContext } from "../context.ts";

export function addCheck(program: Command, context: CommandContext): void {
  const command = program
    .command("check")
    .description("checks every configuration file; counts jobs by kind")
    .addHelpText("after", "\nExample: fairlead check --config fairlead.yaml");
  context.action(command, async () => {
    const { config, json, home } = context.globals();
    // Only a home that is there keeps readings: checking a file leaves nothing behind.
    const kept = (await stat(home).catch(() => undefined)) ? home : undefined;
    const read = await context.deps.readConfiguration(config, kept);
    if (!read.ok) return context.fail(read.error);
    const { family, diagnostics, counts, bringsJobs } = read.value;
    const jobs = family ? generateJobs(family, {}) : [];
    const count = (type: string) => jobs.filter((job) => job.type === type).length;
    const answer = {
      ok: family !== undefined,
      components: family?.components.length ?? 0,
      jobs: {
        presubmits: counts.presubmits + count("presubmit"),
        postsubmits: counts.postsubmits + count("postsubmit"),
        periodics: counts.periodics + count("periodic"),
        inactive: counts.inactive,
        generated: jobs.length,
      },
      diagnostics,
    };
    const { output } = context;
    if (json) output.json(answer);
    else {
      for (const each of diagnostics) {
        const colour = each.severity === "error" ? "red" : "yellow";
        output.print(
          `${forOneLine(each.file, 500)}:${each.line}:${each.column}: ${output.paint(colour, each.severity)}: ${each.message} (${each.code})`,
        );
        if (each.hint !== undefined) output.print(`  ${each.hint}`);
      }
      const opened =
        family?.components.map((component) => `${component.name} is read once from ${component.repository}`) ?? [];
      for (const line of opened) output.print(line);
      const brings = family?.components.filter((component) => bringsJobs(component)) ?? [];
      if (brings.length > 0)
        output.print(
          `jobs of .prow.yaml or .prow/ count for ${brings.map((component) => component.name).join(", ")}: read at the revision tested, shown by fairlead jobs and fairlead plan`,
        );
      if (family?.kubernetes.cluster === "none")
        output.print("kubernetes.cluster is none: tests on Kubernetes are opted out; unit tests alone are required");
      output.print(
        family
          ? `${output.paint("green", "ok")}: ${answer.components} components; ${answer.jobs.presubmits} presubmits, ${answer.jobs.postsubmits} postsubmits, ${answer.jobs.periodics} periodics: ${answer.jobs.generated} generated, ${answer.jobs.inactive} of repositories that are no components`
          : `${output.paint("red", "not ok")}: mend the errors above; the last good configuration stays in force`,
      );
    }
    return family ? 0 : 1;
  });
}
