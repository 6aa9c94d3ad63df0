import type { Command } from "commander";
import type { Trace } from "../../proof/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

export function addTrace(program: Command, context: CommandContext): void {
  const command = program
    .command("trace")
    .argument("<subject>", "an image with its tag or digest, a digest, a release or a commit")
    .description("everything recorded about it, backwards and forwards: commits, tags, runs, images, pins, registries")
    .addHelpText("after", "\nExample: fairlead trace greeter:v1.0.0");
  context.action(command, async (subject: string) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const traced = await client.value.get<Trace>(`/trace${query({ subject })}`);
    if (!traced.ok) return context.fail(traced.error);
    const { output } = context;
    if (context.globals().json) {
      output.json(traced.value);
      return 0;
    }
    const { commits, tags, runs, images, pinSets, testedIn, registries } = traced.value;
    const part = (header: readonly string[], rows: readonly (readonly string[])[]) => {
      if (rows.length > 0) output.print(`${table(header, rows)}\n`);
    };
    part(
      ["COMMIT", "COMPONENT", "CHANGE"],
      commits.map((each) => [each.commit, each.component, each.change ?? "–"]),
    );
    part(
      ["RELEASE", "TAG OBJECT", "STATE"],
      tags.map((each) => [each.release, each.object, each.state]),
    );
    part(
      ["RUN", "JOB", "STATE", "TESTED"],
      runs.map((each) => [each.id, each.job, each.state, each.testedCommit ?? "–"]),
    );
    part(
      ["IMAGE", "DIGEST", "PLATFORMS", "PROOF"],
      images.map((each) => [
        each.name,
        each.digest,
        String(each.platforms.length),
        each.proof.length === 0 ? "none" : [...new Set(each.proof.map((proof) => proof.kind))].join(", "),
      ]),
    );
    part(
      ["PINNED BY", "VERSION", "FILE"],
      pinSets.map((each) => [each.deployment, each.version, each.file]),
    );
    part(
      ["PIN SET", "TESTED BY", "STATE", "READ BACK"],
      testedIn.map((each) => [each.pinSet.slice(0, 12), each.job, each.state, each.readBack]),
    );
    part(
      ["REGISTRY", "IMAGE", "STATE"],
      registries.map((each) => [each.registry, `${each.image}:${each.tag}@${each.digest}`, each.state]),
    );
    return 0;
  });
}
