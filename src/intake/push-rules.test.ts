import { describe, expect, it } from "vitest";
import { idOf, noId, sampleComponent } from "../../test/fixtures/sample-model.ts";
import type { Principal } from "../family/index.ts";
import { judgePush, type PushFacts } from "./push-rules.ts";

const [old, fresh] = [idOf("a"), idOf("b")];
const ann: Principal = { user: "ann", role: "maintainer", components: undefined, tokenId: "t" };

function judge(ref: string, over: Partial<PushFacts> = {}, before = noId, after = fresh) {
  const facts: PushFacts = {
    component: sampleComponent(),
    defaultBranch: "main",
    branches: ["main", "release-1.0", "topic"],
    publishedTags: new Set(["v1.0.0"]),
    mayMaintain: true,
    ...over,
  };
  const judged = judgePush({ ref, before, after }, ann, facts);
  return judged.kind === "refuse" ? judged.reason : judged;
}

const moved = { kind: "move-ref" };
const contributor = { mayMaintain: false };

describe("the rules of the door", () => {
  it.each([
    ["a proposal for the default branch", "refs/for/main", { kind: "open-change", base: "main" }],
    ["a proposal for a line", "refs/for/release-1.0", { kind: "open-change", base: "release-1.0" }],
    ["a proposal for a branch that is none", "refs/for/nowhere", "no such branch"],
    ["a proposal for nothing", "refs/for/", "no such branch"],
    ["a newer head of a change", "refs/changes/7", { kind: "update-change", number: 7 }],
    ["change 0", "refs/changes/0", "no such change"],
    ["a change without a number", "refs/changes/", "no such change"],
    ["a change below another", "refs/changes/7/8", "no such change"],
    ["a change by another spelling of its number", "refs/changes/7e0", "no such change"],
    ["the ref of a change itself", "refs/pull/7/head", "no such place"],
    ["a note", "refs/notes/commits", "no such place"],
    ["a replacement", "refs/replace/x", "no such place"],
    ["HEAD", "HEAD", "no such place"],
    ["a name that only begins like a branch", "refs/headsx/main", "no such place"],
  ])("judge %s alike for contributors and maintainers", (_what, ref, expected) => {
    expect(judge(ref)).toEqual(expected);
    expect(judge(ref, contributor)).toEqual(expected);
  });

  it.each(["refs/heads/topic", "refs/heads/new", "refs/heads/main", "refs/tags/v1.1.0"])(
    "let no contributor push to %s",
    (ref) => expect(judge(ref, contributor)).toBe("not a maintainer"),
  );

  it.each([
    ["moves", old, fresh],
    ["goes", old, noId],
  ])("never let a protected branch be pushed to: it %s", (_what, before, after) => {
    for (const branch of ["main", "release-1.0"])
      expect(judge(`refs/heads/${branch}`, {}, before, after)).toBe("protected branch");
    expect(judge("refs/heads/topic", {}, before, after)).toEqual(moved);
  });

  it("let a maintainer cut a line once, and fill an empty repository", () => {
    expect(judge("refs/heads/release-2.0")).toEqual(moved);
    expect(judge("refs/heads/release-1.0")).toBe("protected branch");
    expect(judge("refs/heads/main", { defaultBranch: undefined, branches: [] })).toEqual(moved);
    expect(judge("refs/heads/main", { branches: [] })).toEqual(moved);
  });

  it.each([
    ["new", "v1.1.0", noId, fresh, moved],
    ["new, and no version at all", "nightly", noId, fresh, moved],
    ["moved before publication", "v1.1.0", old, fresh, moved],
    ["gone before publication", "v1.1.0", old, noId, moved],
    ["moved after publication", "v1.0.0", old, fresh, "published tag cannot be moved"],
    ["gone after publication", "v1.0.0", old, noId, "published tag cannot be deleted"],
    ["put back", "v1.0.0", noId, fresh, moved],
  ])("a tag that is %s", (_what, tag, before, after, expected) => {
    expect(judge(`refs/tags/${tag}`, {}, before, after)).toEqual(expected);
  });

  it("refuse deletions of what is no ref of ours", () => {
    expect(judge("refs/for/main", {}, old, noId)).toBe("nothing to delete");
    expect(judge("refs/changes/7", {}, old, noId)).toBe("nothing to delete");
  });

  it("never echo what a terminal would obey", () => {
    const judged = judgePush({ ref: "refs/for/\u001b[2Jx", before: noId, after: fresh }, ann, {
      component: sampleComponent(),
      defaultBranch: "main",
      branches: ["main"],
      publishedTags: new Set(),
      mayMaintain: true,
    });
    expect(judged.kind === "refuse" && judged.lines.join("")).toMatch(/␛\[2Jx/);
    expect(judged.kind === "refuse" && judged.lines.join("")).not.toContain("\u001b");
  });
});
