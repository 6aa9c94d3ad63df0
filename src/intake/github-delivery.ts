import { z } from "zod";
import { err, fault, ok, type Result } from "../core/index.ts";
import type { ChangeAction } from "../plan/index.ts";

/** A GitHub webhook delivery as `gh` and the delivery log show it: the header's event name and the body. */
export const deliverySchema = z.object({
  event: z.enum(["pull_request", "push", "issue_comment", "pull_request_review", "pull_request_review_comment"]),
  payload: z.record(z.string(), z.unknown()),
});

/** What a delivery says, in the words of an event file; `repository` is `org/repo`. */
export interface DeliveredEvent {
  readonly repository: string;
  readonly event: Readonly<Record<string, unknown>>;
}

const id = z.string().regex(/^[0-9a-f]{40}$/);
const user = z.object({ login: z.string() });
const repository = z.object({ full_name: z.string().max(300), default_branch: z.string().optional() });
const pullRequest = z.object({
  number: z.number().int().positive(),
  title: z.string().default(""),
  state: z.string().optional(),
  draft: z.boolean().default(false),
  merged: z.boolean().default(false),
  mergeable: z.boolean().nullish(),
  user,
  author_association: z.string().default("NONE"),
  labels: z.array(z.object({ name: z.string() })).default([]),
  head: z.object({ sha: id, ref: z.string() }),
  base: z.object({ sha: id, ref: z.string() }),
});
const pullRequestPayload = z.object({
  action: z.string(),
  repository,
  sender: user.optional(),
  pull_request: pullRequest,
  label: z.object({ name: z.string() }).optional(),
  changes: z.object({ base: z.unknown().optional() }).optional(),
});
const paths = z.array(z.string()).default([]);
const pushPayload = z.object({
  ref: z.string(),
  before: id,
  after: id,
  deleted: z.boolean().default(false),
  repository,
  pusher: z.object({ name: z.string() }).optional(),
  commits: z.array(z.object({ added: paths, removed: paths, modified: paths })).default([]),
});
const commentPayload = z.object({
  action: z.string(),
  repository,
  issue: z
    .object({ number: z.number().int().positive(), state: z.string(), pull_request: z.unknown().optional(), user })
    .optional(),
  pull_request: pullRequest.optional(),
  comment: z.object({ body: z.string(), user, author_association: z.string().default("NONE") }).optional(),
  review: z.object({ body: z.string().nullable(), user, author_association: z.string().default("NONE") }).optional(),
});

/** Reads a delivery. Fault `bad-input`: it lacks what such an event always has, or is about an issue. */
export function readDelivery(delivery: z.infer<typeof deliverySchema>): Result<DeliveredEvent> {
  switch (delivery.event) {
    case "pull_request":
      return parsed(pullRequestPayload, delivery.payload, fromPullRequest);
    case "push":
      return parsed(pushPayload, delivery.payload, fromPush);
    default:
      return parsed(commentPayload, delivery.payload, fromComment);
  }
}

function parsed<T>(
  schema: z.ZodType<T>,
  payload: unknown,
  read: (value: T) => DeliveredEvent | undefined,
): Result<DeliveredEvent> {
  const checked = schema.safeParse(payload);
  if (checked.success) {
    const delivered = read(checked.data);
    return delivered
      ? ok(delivered)
      : err(fault("bad-input", "the delivery: the comment is on an issue, not on a change: nothing follows from it"));
  }
  const issue = checked.error.issues[0];
  const where = issue?.path.map(String).join(".") ?? "";
  return err(fault("bad-input", `the delivery: payload.${where}: ${issue?.message ?? "is not what GitHub sends"}`));
}

/** Prow 2.2, action by action; what concerns no run becomes `edited`. */
function fromPullRequest(payload: z.infer<typeof pullRequestPayload>): DeliveredEvent {
  const { pull_request: pull } = payload;
  return {
    repository: payload.repository.full_name,
    event: {
      kind: "change",
      action: actionOf(payload),
      change: changeOf(pull),
      ...(payload.sender ? { actor: payload.sender.login } : {}),
    },
  };
}

function actionOf(payload: z.infer<typeof pullRequestPayload>): ChangeAction {
  switch (payload.action) {
    case "opened":
    case "reopened":
      return payload.action;
    case "synchronize":
      return "updated";
    case "closed":
      return payload.pull_request.merged ? "merged" : "closed";
    case "ready_for_review":
      return "ready";
    case "converted_to_draft":
      return "drafted";
    case "edited":
      return payload.changes?.base === undefined ? "edited" : "retargeted";
    case "labeled":
      return payload.label?.name === "ok-to-test" ? "allowed" : "edited";
    default:
      return "edited";
  }
}

function changeOf(pull: z.infer<typeof pullRequest>) {
  return {
    number: pull.number,
    base: pull.base.ref,
    baseSha: pull.base.sha,
    head: pull.head.sha,
    headRef: pull.head.ref,
    author: pull.user.login,
    title: pull.title,
    draft: pull.draft,
    mergeable: pull.mergeable,
    ...roleOf(pull.author_association),
    headAllowed: pull.labels.some((label) => label.name === "ok-to-test"),
  };
}

/** Prow 2.1: members of the organisation and collaborators are trusted. */
function roleOf(association: string): { readonly authorRole?: "contributor" } {
  return ["OWNER", "MEMBER", "COLLABORATOR"].includes(association) ? { authorRole: "contributor" } : {};
}

/** Prow 2.5: changed paths are those of the listed commits; tags have none. */
function fromPush(payload: z.infer<typeof pushPayload>): DeliveredEvent {
  const files = new Set(payload.commits.flatMap((commit) => [...commit.added, ...commit.removed, ...commit.modified]));
  const isTag = payload.ref.startsWith("refs/tags/");
  return {
    repository: payload.repository.full_name,
    event: {
      kind: isTag ? "tag" : "push",
      ref: payload.ref,
      before: payload.before,
      after: payload.deleted ? "0".repeat(40) : payload.after,
      ...(isTag ? {} : { files: [...files] }),
      ...(payload.pusher ? { actor: payload.pusher.name } : {}),
    },
  };
}

/** Prow 2.3: new comments and reviews of open changes; of edits, and once it is closed, nothing is heard. */
function fromComment(payload: z.infer<typeof commentPayload>): DeliveredEvent | undefined {
  const said = payload.comment ?? payload.review;
  const isNew = payload.action === "created" || payload.action === "submitted";
  const open = payload.pull_request ? payload.pull_request.state !== "closed" : payload.issue?.state === "open";
  const isChange = payload.pull_request !== undefined || payload.issue?.pull_request !== undefined;
  if (!said || !isChange) return undefined;
  const member = roleOf(said.author_association).authorRole !== undefined;
  return {
    repository: payload.repository.full_name,
    event: {
      kind: "comment",
      comment: isNew && open ? (said.body ?? "") : "",
      change: payload.pull_request
        ? changeOf(payload.pull_request)
        : { number: payload.issue?.number, author: payload.issue?.user.login },
      actor: member ? { user: said.user.login, role: "maintainer" } : { user: said.user.login, role: "reader" },
    },
  };
}
