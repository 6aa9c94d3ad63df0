import { type Clock, forOneLine, type Ids } from "../core/index.ts";
import { type Component, mayMaintain } from "../family/index.ts";
import type { CommandAnswer, PushHandler, PushRequest, RefCommand } from "../forge/index.ts";
import type { Repository } from "../git/index.ts";
import { inRepoContext } from "../plan/index.ts";
import { publicTags } from "../release/index.ts";
import type { Store } from "../store/index.ts";
import { type FactSources, maintainersOf } from "./facts.ts";
import type { Decided, Intake } from "./intake.ts";
import { changeRef, describeProposal, propose, revise } from "./propose.ts";
import { judgePush } from "./push-rules.ts";
import { findChange } from "./records.ts";

export interface PushOptions extends FactSources {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly intake: Intake;
  /** Address of the pages: `http://127.0.0.1:7070`. */
  readonly baseUrl: () => string;
}

/** Answers pushes to hosted repositories: judged, written down, moved by compare-and-swap, decided, told. */
export function createPushHandler(options: PushOptions): PushHandler {
  return {
    handlePush: async (request) => {
      const component = options.family().components.find((candidate) => candidate.name === request.component);
      if (!component) return request.commands.map((command) => refused(command.ref, "no such component", []));
      const answers: CommandAnswer[] = [];
      for (const command of request.commands) answers.push(await answerCommand(options, component, request, command));
      const moved = request.commands.filter(
        (command) => isPlainRef(command.ref) && answers.find((answer) => answer.ref === command.ref)?.accepted,
      );
      if (moved.length === 0) return answers;
      const decided = await options.intake.reconcile(request.component);
      return answers.map((answer) => ({
        ...answer,
        lines: [...answer.lines, ...tellDecisions(options, component, answer, decided)],
      }));
    },
  };
}

function isPlainRef(ref: string): boolean {
  return ref.startsWith("refs/heads/") || ref.startsWith("refs/tags/");
}

async function answerCommand(
  options: PushOptions,
  component: Component,
  request: PushRequest,
  command: RefCommand,
): Promise<CommandAnswer> {
  const repository = await options.git.open(component.name);
  const refs = await repository.refs();
  const judgement = judgePush(command, request.principal, {
    component,
    defaultBranch: component.defaultBranch ?? (await repository.defaultBranch()),
    branches: refs
      .filter((ref) => ref.name.startsWith("refs/heads/"))
      .map((ref) => ref.name.slice("refs/heads/".length)),
    publishedTags: await publicTags(options.store, component.name),
    mayMaintain: mayMaintain(request.principal, component),
  });
  switch (judgement.kind) {
    case "refuse":
      return refused(command.ref, judgement.reason, judgement.lines);
    case "open-change":
      return await openChange(options, component, repository, request, command, judgement.base);
    case "update-change":
      return await updateChange(options, component, repository, request, command, judgement.number);
    case "move-ref":
      return await moveRef(options, component, repository, request, command);
  }
}

async function moveRef(
  options: PushOptions,
  component: Component,
  repository: Repository,
  request: PushRequest,
  command: RefCommand,
): Promise<CommandAnswer> {
  await options.store.db
    .insertInto("pushes")
    .values({
      id: options.ids.uuid(),
      component: component.name,
      ref: command.ref,
      before_id: command.before,
      after_id: command.after,
      actor: JSON.stringify(request.principal),
      at: options.clock.now(),
    })
    .execute();
  const moved = await repository.updateRef(command.ref, command.before, command.after);
  if (!moved.ok) return refused(command.ref, "moved meanwhile", [moved.error.message]);
  return { ref: command.ref, accepted: true, lines: [] };
}

async function openChange(
  options: PushOptions,
  component: Component,
  repository: Repository,
  request: PushRequest,
  command: RefCommand,
  base: string,
): Promise<CommandAnswer> {
  const described = await describeProposal(repository, base, command.after);
  if ("refusal" in described) return refused(command.ref, described.refusal, [described.line]);
  const opened = await propose(options, repository, {
    component,
    base,
    head: command.after,
    by: request.principal,
    ...described,
  });
  if (!opened.ok) return refused(command.ref, "could not be stored", [opened.error.message]);
  const { number, decided } = opened.value;
  return {
    ref: command.ref,
    accepted: true,
    movedRef: changeRef(number),
    lines: [
      `Change ${number} of ${component.name}: ${forOneLine(described.title, 100)}`,
      `${options.baseUrl()}/changes/${component.name}/${number}`,
      ...tellChange(decided),
      `Update it with: git push origin HEAD:refs/changes/${number}`,
    ],
  };
}

async function updateChange(
  options: PushOptions,
  component: Component,
  repository: Repository,
  request: PushRequest,
  command: RefCommand,
  number: number,
): Promise<CommandAnswer> {
  const change = await findChange(options.store, component.name, number);
  if (!change) return refused(command.ref, "no such change", [`${component.name} has no change ${number}.`]);
  if (change.state !== "open")
    return refused(command.ref, `change is ${change.state}`, [
      `Change ${number} is ${change.state}; open a new one with refs/for/${forOneLine(change.base)}.`,
    ]);
  if (change.author !== request.principal.user && !mayMaintain(request.principal, component)) {
    return refused(command.ref, "not yours", [
      `Change ${number} is ${forOneLine(change.author)}'s; ask them, or a maintainer.`,
    ]);
  }
  if (change.head === command.after)
    return refused(command.ref, "no new commits", [`Change ${number} is at this commit already.`]);
  const described = await describeProposal(repository, change.base, command.after);
  if ("refusal" in described) return refused(command.ref, described.refusal, [described.line]);
  const revised = await revise(options, repository, change, {
    head: command.after,
    by: request.principal,
    ...described,
  });
  if (!revised.ok) return refused(command.ref, "could not be stored", [revised.error.message]);
  return {
    ref: command.ref,
    accepted: true,
    movedRef: changeRef(number),
    lines: [
      `Change ${number} is at ${command.after.slice(0, 7)} now.`,
      `${options.baseUrl()}/changes/${component.name}/${number}`,
      ...tellChange(revised.value),
    ],
  };
}

function tellChange(decided: readonly Decided[]): readonly string[] {
  const runs = decided.flatMap((each) => each.plan.runs.map((run) => run.job.name));
  const held = decided.flatMap((each) =>
    each.plan.effects.flatMap((effect) =>
      effect.kind === "status" && each.plan.runs.length === 0 ? [effect.reason] : [],
    ),
  );
  const brought = decided.flatMap((each) =>
    each.plan.effects.flatMap((effect) =>
      effect.kind === "status" && effect.context === inRepoContext ? [forOneLine(effect.reason, 500)] : [],
    ),
  );
  if (runs.length > 0)
    return [
      ...brought,
      `Testing it merged with its base: ${runs.slice(0, 5).join(", ")}${runs.length > 5 ? ` and ${runs.length - 5} more` : ""}`,
    ];
  return held.length > 0 ? held.slice(0, 3).map((reason) => forOneLine(reason)) : ["No job applies to it."];
}

function tellDecisions(
  options: PushOptions,
  component: Component,
  answer: CommandAnswer,
  decided: readonly Decided[],
): readonly string[] {
  const mine = decided.find(
    (each) => (each.plan.event.kind === "tag" || each.plan.event.kind === "push") && each.plan.event.ref === answer.ref,
  );
  if (!mine) return [];
  const page =
    mine.releaseId === undefined ? undefined : `${options.baseUrl()}/releases/${encodeURIComponent(mine.releaseId)}`;
  const lines: string[] = [];
  for (const effect of mine.plan.effects) {
    if (effect.kind === "release")
      lines.push(
        `Release ${forOneLine(effect.version)} of ${component.name}: building ${effect.commit.slice(0, 7)}`,
        `Follow it: ${page}`,
      );
    if (effect.kind === "quarantine") {
      lines.push(`Quarantined: nothing is built from ${forOneLine(effect.version, 80)}.`);
      for (const finding of effect.findings.filter((each) => each.severity === "refuse").slice(0, 5)) {
        lines.push(
          `${finding.rule}: ${forOneLine(finding.message, 300)}`,
          `  fix: ${forOneLine(finding.satisfiedBy, 300)}`,
        );
      }
      const final = effect.findings.some((finding) => finding.severity === "refuse" && !finding.overridable);
      lines.push(
        final
          ? "Nobody can approve this."
          : `May approve: ${maintainersOf(component)}: fairlead approve ${mine.releaseId} --reason TEXT`,
      );
      if (page !== undefined) lines.push(page);
    }
    if (effect.kind === "alarm") lines.push(forOneLine(effect.reason, 300));
  }
  for (const run of mine.plan.runs.filter((each) => each.tier !== "release")) lines.push(`Running ${run.job.name}`);
  return lines;
}

function refused(ref: string, reason: string, lines: readonly string[]): CommandAnswer {
  return { ref, accepted: false, reason, lines };
}
