import type { Command } from "commander";
import { fault } from "../../core/index.ts";
import type { BranchStanding } from "../../intake/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";

export function addBranch(program: Command, context: CommandContext): void {
  const command = program
    .command("branch")
    .argument("<component>")
    .argument("<version>", "the vX.Y.0 it is based on")
    .description("makes the maintenance branch release-X.Y")
    .addHelpText(
      "after",
      "\nExample: fairlead branch greeter v1.2.0\nUndo: git push origin :release-1.2, while nothing was released from it.",
    );
  context.action(command, (component: string, version: string) =>
    post<{ branch: string; commit: string }>(context, "/branches", { component, version }, (made) => [
      `${component} has ${made.branch} at ${made.commit.slice(0, 7)}`,
      `Bring a fix to it: fairlead backport ${component} CHANGE ${made.branch}`,
    ]),
  );
}

export function addFreeze(program: Command, context: CommandContext): void {
  const command = program
    .command("freeze")
    .argument("<component>")
    .argument("<branch>")
    .requiredOption("--for <version>", "the release that is prepared: changes marked for it pass")
    .option("--until <date>", "2026-12-01, a time, or how long (14d); else until it is published")
    .option("--reason <text>", "kept, and shown to whom it holds")
    .description("accepts only changes for one release into a branch")
    .addHelpText(
      "after",
      "\nExample: fairlead freeze greeter main --for v2.0.0 --until 14d\nUndo: fairlead thaw greeter main --reason TEXT",
    );
  context.action(command, (component: string, branch: string, options: Readonly<Record<string, string>>) => {
    const { for: version, until, reason } = options;
    return post(context, "/freezes", { component, branch, version, until, reason }, () => [
      `${branch} of ${component} takes only changes for ${version}`,
      `Let one through: fairlead mark ${component} CHANGE --for ${version}`,
    ]);
  });
}

export function addThaw(program: Command, context: CommandContext): void {
  const command = program
    .command("thaw")
    .argument("<component>")
    .argument("<branch>")
    .requiredOption("--reason <text>", "kept with the freeze")
    .description("ends a freeze before its time")
    .addHelpText(
      "after",
      "\nExample: fairlead thaw greeter main --reason 'v2.0.0 is put off'\nUndo: fairlead freeze greeter main --for v2.0.0",
    );
  context.action(command, (component: string, branch: string, { reason }: { readonly reason: string }) =>
    post<{ version: string }>(context, "/freezes/thaw", { component, branch, reason }, (thawed) => [
      `${branch} of ${component} is open again, before ${thawed.version}`,
    ]),
  );
}

export function addMark(program: Command, context: CommandContext): void {
  const command = program
    .command("mark")
    .argument("<component>")
    .argument("<number>")
    .option("--for <version>", "the release it is for; without it the mark is taken away")
    .description("marks a change as meant for a release, so that it passes a freeze for it")
    .addHelpText("after", "\nExample: fairlead mark greeter 4 --for v2.0.0\nUndo: fairlead mark greeter 4");
  context.action(command, (component: string, number: string, options: { readonly for?: string }) => {
    const path = `/changes/${encodeURIComponent(component)}/${encodeURIComponent(number)}/mark`;
    return post<{ version: string | null }>(context, path, { version: options.for ?? null }, ({ version }) => [
      version === null ? `${component}#${number} is for no release now` : `${component}#${number} is for ${version}`,
    ]);
  });
}

export function addBackport(program: Command, context: CommandContext): void {
  const command = program
    .command("backport")
    .argument("<component>")
    .argument("[number]", "a merged change; without it: the fixes that maintenance branches lack")
    .argument("[branch]", "the maintenance branch: release-X.Y")
    .option("--all", "not only what says that it mends something")
    .description("opens the change that brings a merged one to a maintenance branch")
    .addHelpText("after", "\nExample: fairlead backport greeter 4 release-1.2\nUndo: fairlead close greeter NUMBER");
  context.action(
    command,
    async (
      component: string,
      number: string | undefined,
      branch: string | undefined,
      options: { readonly all?: boolean },
    ) => {
      if (number === undefined) return await listMissing(context, component, options.all === true);
      if (branch === undefined)
        return context.fail(
          fault("bad-input", "name the branch that it is brought to", {
            hint: `fairlead backport ${component} ${number} release-X.Y`,
          }),
        );
      return await post<{ number: number; head: string; opened: boolean }>(
        context,
        "/backports",
        { component, change: Number(number), branch },
        (made) => [
          `${component}#${made.number} ${made.opened ? "brings" : "was open already: it brings"} change ${number} to ${branch}`,
          `Next: fairlead merge ${component} ${made.number}, when it is green`,
        ],
      );
    },
  );
}

async function listMissing(context: CommandContext, component: string, all: boolean): Promise<number> {
  const client = await context.client();
  if (!client.ok) return context.fail(client.error);
  const found = await client.value.get<{ items: readonly BranchStanding[] }>(`/backports${query({ component })}`);
  if (!found.ok) return context.fail(found.error);
  const { output } = context;
  if (context.globals().json) {
    output.json(found.value);
    return 0;
  }
  if (found.value.items.length === 0) output.print(`${component} has no maintenance branch`);
  for (const { branch, release, missing, unchecked } of found.value.items) {
    if (unchecked !== null) {
      output.print(`${branch}: not compared: ${unchecked}`);
      continue;
    }
    const shown = missing.filter((each) => all || each.fix);
    const without = release === null ? "nothing was released from it" : `${release} ships without them`;
    const rest = missing.length - shown.length;
    output.print(
      shown.length === 0
        ? `${branch}: lacks no fix${rest > 0 ? `; ${rest} other changes: --all` : ""}`
        : `${branch}: lacks ${shown.length} ${all ? "changes" : "fixes"}; ${without}`,
    );
    for (const { commit, subject, change } of shown.slice(0, 100)) {
      const how = change === null ? "" : `  fairlead backport ${component} ${change} ${branch}`;
      output.print(`  ${commit.slice(0, 7)} ${subject}${how}`);
    }
  }
  return 0;
}

async function post<T>(
  context: CommandContext,
  path: string,
  body: unknown,
  tell: (answer: T) => readonly string[],
): Promise<number> {
  const client = await context.client();
  if (!client.ok) return context.fail(client.error);
  const done = await client.value.post<T>(path, body);
  if (!done.ok) return context.fail(done.error);
  if (context.globals().json) context.output.json(done.value);
  else for (const line of tell(done.value)) context.output.print(line);
  return 0;
}
