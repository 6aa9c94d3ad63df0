import { describe, expect, it } from "vitest";
import { idOf } from "../../test/fixtures/sample-model.ts";
import { deliverySchema, readDelivery } from "./github-delivery.ts";

const repository = { full_name: "Tools/greeter" };
const pull = {
  number: 7,
  title: "A change",
  state: "open",
  user: { login: "zoe" },
  author_association: "CONTRIBUTOR",
  labels: [],
  head: { sha: idOf("c"), ref: "topic" },
  base: { sha: idOf("b"), ref: "main" },
};
const member = { ...pull, author_association: "MEMBER" };

function read(event: string, payload: Readonly<Record<string, unknown>>) {
  const answer = readDelivery(deliverySchema.parse({ event, payload: { repository, ...payload } }));
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.value;
}

describe("a delivery about a pull request", () => {
  it.each([
    ["opened", {}, "opened"],
    ["reopened", {}, "reopened"],
    ["synchronize", {}, "updated"],
    ["closed", {}, "closed"],
    ["closed", { pull_request: { ...pull, merged: true } }, "merged"],
    ["ready_for_review", {}, "ready"],
    ["converted_to_draft", {}, "drafted"],
    ["edited", { changes: { title: { from: "x" } } }, "edited"],
    ["edited", { changes: { base: { ref: { from: "old" } } } }, "retargeted"],
    ["labeled", { label: { name: "ok-to-test" } }, "allowed"],
    ["labeled", { label: { name: "lgtm" } }, "edited"],
    ["assigned", {}, "edited"],
    ["review_requested", {}, "edited"],
  ])("%s with %j is %s", (action, over, expected) => {
    const { repository: name, event } = read("pull_request", { action, pull_request: pull, ...over });
    expect([name, event["kind"], event["action"]]).toEqual(["Tools/greeter", "change", expected]);
  });

  it("tells branch, heads, author, whether they are trusted, and draft", () => {
    const change = (over: object) =>
      read("pull_request", { action: "opened", pull_request: { ...pull, ...over } }).event["change"];
    const plain = {
      number: 7,
      base: "main",
      baseSha: idOf("b"),
      head: idOf("c"),
      headRef: "topic",
      author: "zoe",
      title: "A change",
      draft: false,
      mergeable: undefined,
      headAllowed: false,
    };
    expect(change({})).toEqual(plain);
    for (const author_association of ["OWNER", "MEMBER", "COLLABORATOR"])
      expect(change({ author_association })).toEqual({ ...plain, authorRole: "contributor" });
    expect(change({ labels: [{ name: "ok-to-test" }], draft: true, mergeable: false })).toEqual({
      ...plain,
      headAllowed: true,
      draft: true,
      mergeable: false,
    });
  });
});

describe("a delivery about a push", () => {
  const push = { before: idOf("a"), after: idOf("b"), ref: "refs/heads/main", pusher: { name: "ann" } };
  it("joins the paths of its commits", () => {
    const commits = [{ added: ["a"], removed: ["b"], modified: [] }, { modified: ["a", "c"] }];
    expect(read("push", { ...push, commits }).event).toEqual({
      kind: "push",
      ref: "refs/heads/main",
      before: idOf("a"),
      after: idOf("b"),
      files: ["a", "b", "c"],
      actor: "ann",
    });
  });
  it("of a tag has no paths, and a deletion leads nowhere", () => {
    expect(read("push", { ...push, ref: "refs/tags/v1.0.0" }).event).not.toHaveProperty("files");
    expect(read("push", { ...push, ref: "refs/tags/v1.0.0" }).event["kind"]).toBe("tag");
    expect(read("push", { ...push, deleted: true }).event["after"]).toBe("0".repeat(40));
  });
});

describe("a delivery about a comment", () => {
  const issue = { number: 7, state: "open", pull_request: {}, user: { login: "zoe" } };
  const comment = { body: "/retest", user: { login: "ann" }, author_association: "MEMBER" };
  it.each([
    ["a new one", { action: "created", issue, comment }, "/retest", "maintainer"],
    [
      "of a stranger",
      { action: "created", issue, comment: { ...comment, author_association: "NONE" } },
      "/retest",
      "reader",
    ],
    ["an edited one", { action: "edited", issue, comment }, "", "maintainer"],
    ["a deleted one", { action: "deleted", issue, comment }, "", "maintainer"],
    ["of a closed change", { action: "created", issue: { ...issue, state: "closed" }, comment }, "", "maintainer"],
    ["a review", { action: "submitted", pull_request: member, review: comment }, "/retest", "maintainer"],
    [
      "a review without words",
      { action: "submitted", pull_request: member, review: { ...comment, body: null } },
      "",
      "maintainer",
    ],
  ])("%s", (_what, payload, said, role) => {
    expect(read("issue_comment", payload).event).toMatchObject({
      kind: "comment",
      comment: said,
      actor: { user: "ann", role },
    });
  });

  it.each([
    [
      "on an issue",
      "issue_comment",
      { action: "created", issue: { ...issue, pull_request: undefined }, comment },
      "on an issue",
    ],
    [
      "without a head",
      "pull_request",
      { action: "opened", pull_request: { ...pull, head: {} } },
      "payload.pull_request.head",
    ],
    ["with an id that is none", "push", { ref: "refs/heads/main", before: "x", after: idOf("a") }, "payload.before"],
  ])("%s is refused with the reason", (_what, event, payload, message) => {
    const answer = readDelivery(deliverySchema.parse({ event, payload: { repository, ...payload } }));
    expect(answer).toMatchObject({
      ok: false,
      error: { code: "bad-input", message: expect.stringContaining(message) },
    });
  });
});
