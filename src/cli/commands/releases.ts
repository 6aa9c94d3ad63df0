import type { Command } from "commander";
import { formatGoDuration } from "../../core/index.ts";
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

/** Tells one release, followed until it rests. Answers 1 when it is not published, or not watched to its end. */
export async function showRelease(
  context: CommandContext,
  client: ApiClient,
  id: string,
  follow: boolean,
): Promise<number> {
  const { output, deps } = context;
  let told = "";
  let interrupted = false;
  const undo = follow
    ? deps.terminal.onInterrupt(() => {
        interrupted = true;
      })
    : () => {};
  try {
    for (;;) {
      const read = await client.get<ReleaseView>(`/releases/${encodeURIComponent(id)}`);
      if (!read.ok) return context.fail(read.error);
      const release = read.value;
      const moving = going.includes(release.state);
      if (context.globals().json) {
        if (release.state !== told) output.json(release);
      } else {
        if (release.state !== told) tellState(context, release, told, follow);
        if (follow && moving) output.live(timeOf(release, release.state));
      }
      told = release.state;
      if (follow && moving && interrupted) {
        output.live(undefined);
        tellInterrupt(context, release);
        return 1;
      }
      if (follow && moving) {
        await new Promise<void>((done) => deps.clock.after(200, done));
        continue;
      }
      output.live(undefined);
      if (!context.globals().json) tellDetails(context, release);
      return follow && release.state !== "published" ? 1 : 0;
    }
  } finally {
    undo();
  }
}

function tellState(context: CommandContext, release: ReleaseView, before: string, follow: boolean): void {
  const { output } = context;
  const ended = follow && before !== "" ? timeOf(release, before) : undefined;
  if (ended !== undefined) output.print(`  ${ended}`);
  output.print(`${release.id}: ${glyphs[release.mark]} ${release.state}: ${release.reason}`);
}

/** `building 2m10s, last time 3m05s`; `undefined` for a stop that it did not make. */
function timeOf(release: ReleaseView, stop: string): string | undefined {
  const lasted = release.strip.find((station) => station.name === stop)?.lastedMs;
  if (lasted === undefined || lasted === null) return undefined;
  const last = release.lastTimes[stop];
  return `${stop} ${inSeconds(lasted)}${last === undefined ? "" : `, last time ${inSeconds(last)}`}`;
}

function inSeconds(ms: number): string {
  return formatGoDuration(Math.max(0, Math.round(ms / 1000)) * 1000);
}

/** Ctrl-C ends the watching, not the release. */
function tellInterrupt(context: CommandContext, release: ReleaseView): void {
  const { output } = context;
  output.progress(`${release.id} is not watched any more; it goes on: ${release.state}`);
  if (release.state === "publishing") output.progress("it is being published and cannot be stopped any more");
  else output.progress(`stop it before it publishes: fairlead withdraw ${release.id} --reason TEXT`);
  output.progress(`watch it again: fairlead releases ${release.id} -f`);
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
