import type { Command } from "commander";
import { glyphs, type List, type ReleaseItem, type ReleaseView } from "../../server/views/index.ts";
import { type ApiClient, query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { age, table } from "../output.ts";

export function addReleases(program: Command, context: CommandContext): void {
  const command = program
    .command("releases")
    .argument("[release]", "component@v1.0.0")
    .option("--component <name>")
    .option("-f, --follow", "until it is published, held or failed")
    .description("what was released")
    .addHelpText("after", "\nExample: fairlead releases greeter@v1.0.0 -f");
  context.action(command, async (release: string | undefined, options: { component?: string; follow?: boolean }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    if (release !== undefined) return await showRelease(context, client.value, release, options.follow === true);
    const all = await client.value.get<List<ReleaseItem>>(`/releases${query({ component: options.component })}`);
    if (!all.ok) return context.fail(all.error);
    const { output, deps } = context;
    if (context.globals().json) {
      output.json(all.value);
      return 0;
    }
    const rows = all.value.items.map((item) => [
      item.id,
      `${glyphs[item.mark]} ${item.word}`,
      item.commit.slice(0, 7),
      age(item.requested, deps.clock.now()),
      item.images.length === 0 ? "no images" : item.images.map((image) => image.name).join(", "),
      item.reason,
    ]);
    output.print(
      rows.length === 0 ? "no releases yet" : table(["RELEASE", "STATE", "COMMIT", "AGE", "IMAGES", "WHY"], rows),
    );
    return 0;
  });
}

const going = ["requested", "building", "verifying", "publishing"];

/** Tells one release, followed until it rests. Answers 1 when it is not published. */
export async function showRelease(
  context: CommandContext,
  client: ApiClient,
  id: string,
  follow: boolean,
): Promise<number> {
  const { output, deps } = context;
  let told = "";
  for (;;) {
    const read = await client.get<ReleaseView>(`/releases/${encodeURIComponent(id)}`);
    if (!read.ok) return context.fail(read.error);
    const release = read.value;
    const moving = going.includes(release.state);
    if (context.globals().json) {
      if (release.state !== told) output.json(release);
    } else if (release.state !== told)
      output.print(`${id}: ${glyphs[release.mark]} ${release.state}: ${release.reason}`);
    told = release.state;
    if (follow && moving) {
      await new Promise<void>((done) => deps.clock.after(200, done));
      continue;
    }
    if (!context.globals().json) tellDetails(context, release);
    return follow && release.state !== "published" ? 1 : 0;
  }
}

function tellDetails(context: CommandContext, release: ReleaseView): void {
  const { output } = context;
  for (const finding of release.findings) {
    output.print(`  ${finding.severity}: ${finding.rule}: ${finding.message}`);
    output.print(`    fix: ${finding.satisfiedBy}`);
  }
  for (const image of release.images) {
    const where = image.registries.map((each) => `${each.registry} ${each.state}`).join(", ");
    output.print(`  ${image.name} ${image.digest ?? ""} ${image.platforms.join(" ")} ${where}`);
  }
  for (const note of release.notes) output.print(`  ${note.result}: ${note.text} (${note.by})`);
  if (release.withoutImages) output.print("  this component has no images: its tag is the release");
  if (release.pull !== null) output.print(`  pull: ${release.pull}`);
  output.print(release.next.command === undefined ? release.next.text : `Next: ${release.next.command}`);
}
