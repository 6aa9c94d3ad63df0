import { z } from "zod";
import { err, fault, ok, type Result } from "../core/index.ts";
import { type Component, lineOfBranch } from "../family/index.ts";
import type { Repository } from "../git/index.ts";
import { changeActions, type FamilyEvent } from "../plan/index.ts";
import type { FactSources } from "./facts.ts";
import { deliverySchema, readDelivery } from "./github-delivery.ts";
import { changeFactsOf, findChange } from "./records.ts";

const id = z.string().regex(/^[0-9a-f]{40}$/, "a full commit id");
const actor = z.union([
  z.string(),
  z.object({ user: z.string(), role: z.enum(["reader", "contributor", "maintainer", "administrator"]).optional() }),
]);
const change = z.object({
  number: z.number().int().positive(),
  base: z.string().optional(),
  baseSha: id.optional(),
  head: id.optional(),
  author: z.string().optional(),
  title: z.string().optional(),
  authorRole: z.enum(["reader", "contributor", "maintainer", "administrator"]).optional(),
  headAllowed: z.boolean().optional(),
  draft: z.boolean().optional(),
  mergeable: z.boolean().nullish(),
  headRef: z.string().optional(),
});

/** Design 6: an event file. What it says is taken as fact; only what it leaves out is looked up. */
const eventFileSchema = z.object({
  kind: z.enum(["push", "tag", "change", "comment", "tick"]),
  component: z.string().optional(),
  ref: z.string().optional(),
  before: id.optional(),
  after: id.optional(),
  actor: actor.optional(),
  at: z.union([z.number(), z.string()]).optional(),
  since: z.union([z.number(), z.string()]).optional(),
  files: z.array(z.string()).optional(),
  action: z.enum(changeActions).optional(),
  change: change.optional(),
  comment: z.string().optional(),
  contexts: z.object({ reported: z.array(z.string()).default([]), failed: z.array(z.string()).default([]) }).optional(),
});

type EventFile = z.infer<typeof eventFileSchema>;

const absent = "0".repeat(40);

/** An event of ours, or a delivery of GitHub as `{event, payload}`. */
export const outsideEventSchema = z.union([deliverySchema, eventFileSchema]);

/** Completes an event of the outside. Faults: `bad-input`, `not-found`. */
export async function readEventFile(
  sources: FactSources,
  now: number,
  value: z.infer<typeof outsideEventSchema>,
): Promise<Result<FamilyEvent>> {
  const read = "payload" in value ? fromDelivery(sources, value) : ok(value);
  if (!read.ok) return read;
  const file = read.value;
  const at = file.at === undefined ? now : timeOf(file.at);
  if (Number.isNaN(at)) return err(fault("bad-input", `the event: at is no time: ${String(file.at).slice(0, 60)}`));
  if (file.kind === "tick") return tickEvent(sources, file, at);
  const component = sources.family().components.find((each) => each.name === file.component);
  if (!component) return err(fault("not-found", `there is no component ${file.component ?? "(none named)"}`));
  const who = actorOf(file, component);
  const base = { component: component.name, at, actor: who };
  switch (file.kind) {
    case "push":
      return await pushEvent(sources, file, component, base);
    case "tag":
      return await tagEvent(sources, file, component, base);
    default:
      return await changeEvent(sources, file, component, base);
  }
}

function fromDelivery(sources: FactSources, delivery: z.infer<typeof deliverySchema>): Result<EventFile> {
  const delivered = readDelivery(delivery);
  if (!delivered.ok) return delivered;
  const { repository, event } = delivered.value;
  const named = repository.toLowerCase();
  const component = sources.family().components.find((each) => `${each.org}/${each.repo}`.toLowerCase() === named);
  if (!component)
    return err(
      fault("not-found", `${repository} is the repository of no component`, {
        hint: "set org and repo of the component in the family file",
      }),
    );
  const parsed = eventFileSchema.safeParse({ ...event, component: component.name });
  if (parsed.success) return ok(parsed.data);
  const issue = parsed.error.issues[0];
  return err(fault("bad-input", `the delivery: ${issue?.path.map(String).join(".") ?? ""} ${issue?.message ?? ""}`));
}

/** Paths that the change differs in from where it left its base, where both are in the repository. */
async function filesOf(repository: Repository, baseSha: string, head: string): Promise<readonly string[] | undefined> {
  const [base, tip] = await Promise.all([repository.commitOf(baseSha), repository.commitOf(head)]);
  if (base === undefined || tip === undefined || !(await repository.hasAtMost(tip, 500_000))) return undefined;
  const fork = await repository.mergeBase(base, tip);
  return fork === undefined ? undefined : await repository.changedFiles(fork, tip);
}

/** Periodics are looked at once a minute, so that is the window unless the event says `since`. */
function tickEvent(sources: FactSources, file: EventFile, at: number): Result<FamilyEvent> {
  const since = file.since === undefined ? at - 60_000 : timeOf(file.since);
  if (Number.isNaN(since))
    return err(fault("bad-input", `the event: since is no time: ${String(file.since).slice(0, 60)}`));
  if (file.component !== undefined && !sources.family().components.some((each) => each.name === file.component))
    return err(fault("not-found", `there is no component ${file.component}`));
  return ok({ kind: "tick", at, since, component: file.component });
}

function timeOf(value: number | string): number {
  return typeof value === "number" ? value : Date.parse(value);
}

function actorOf(file: EventFile, component: Component) {
  if (file.actor === undefined) return undefined;
  const user = typeof file.actor === "string" ? file.actor : file.actor.user;
  const given = typeof file.actor === "string" ? undefined : file.actor.role;
  const role = given ?? (component.maintainers.includes(user) ? "maintainer" : "contributor");
  return { user, role, components: undefined, tokenId: "event-file" };
}

interface Base {
  readonly component: string;
  readonly at: number;
  readonly actor: ReturnType<typeof actorOf>;
}

async function pushEvent(
  sources: FactSources,
  file: EventFile,
  component: Component,
  base: Base,
): Promise<Result<FamilyEvent>> {
  const repository = await sources.git.open(component.name);
  const name = file.ref?.replace(/^refs\/heads\//, "") ?? component.defaultBranch ?? (await repository.defaultBranch());
  if (name === undefined) return err(fault("not-found", `${component.name} has no branch`));
  const ref = `refs/heads/${name}`;
  const after = file.after ?? (await repository.commitOf(ref));
  if (after === undefined) {
    const hint = lineOfBranch(name) === undefined ? undefined : "give the commit with `after`";
    return err(fault("not-found", `${component.name} has no branch ${name}`, hint === undefined ? {} : { hint }));
  }
  return ok({ kind: "push", ...base, ref, before: file.before ?? absent, after, files: file.files });
}

async function tagEvent(
  sources: FactSources,
  file: EventFile,
  component: Component,
  base: Base,
): Promise<Result<FamilyEvent>> {
  const repository = await sources.git.open(component.name);
  const name = file.ref?.replace(/^refs\/tags\//, "");
  if (!name) return err(fault("bad-input", "a tag event names its tag in `ref`"));
  const ref = `refs/tags/${name}`;
  const branch = component.defaultBranch ?? (await repository.defaultBranch()) ?? "main";
  const there = (await repository.refs()).find((each) => each.name === ref)?.object;
  const after = file.after ?? there ?? (await repository.commitOf(`refs/heads/${branch}`));
  if (after === undefined) return err(fault("not-found", `${component.name} has no commit to tag`));
  return ok({ kind: "tag", ...base, ref, before: file.before ?? absent, after });
}

async function changeEvent(
  sources: FactSources,
  file: EventFile,
  component: Component,
  base: Base,
): Promise<Result<FamilyEvent>> {
  const number = file.change?.number;
  if (number === undefined) return err(fault("bad-input", `a ${file.kind} event names its change`));
  const row = await findChange(sources.store, component.name, number);
  const known = row && changeFactsOf(row);
  const repository = await sources.git.open(component.name);
  const branch = file.change?.base ?? known?.base ?? (await repository.defaultBranch()) ?? "main";
  const head = file.change?.head ?? known?.head;
  if (head === undefined)
    return err(
      fault("not-found", `${component.name} has no change ${number}`, { hint: "give its head in change.head" }),
    );
  const author = file.change?.author ?? known?.author ?? "unknown";
  const facts = {
    number,
    base: branch,
    baseSha: file.change?.baseSha ?? (await repository.commitOf(`refs/heads/${branch}`)) ?? absent,
    head,
    author,
    title: file.change?.title ?? known?.title ?? "",
    authorRole:
      file.change?.authorRole ??
      known?.authorRole ??
      (component.maintainers.includes(author) ? ("maintainer" as const) : undefined),
    headAllowed: file.change?.headAllowed ?? (known?.head === head && known.headAllowed),
    draft: file.change?.draft,
    mergeable: file.change?.mergeable ?? undefined,
    headRef: file.change?.headRef,
  };
  const stored: readonly string[] | undefined = row ? JSON.parse(row.files) : undefined;
  const files = file.files ?? (row?.head === head ? stored : await filesOf(repository, facts.baseSha, head));
  if (file.kind === "comment") {
    const contexts = file.contexts ?? { reported: [], failed: [] };
    return ok({ kind: "comment", ...base, change: facts, comment: file.comment ?? "", files, contexts });
  }
  return ok({ kind: "change", ...base, action: file.action ?? "updated", change: facts, files });
}
