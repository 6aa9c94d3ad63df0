import { type Clock, err, fault, type Ids, ok, type Result } from "../core/index.ts";
import { type Component, lineOfBranch, mayMaintain, type Principal, parseVersionTag } from "../family/index.ts";
import type { Forge } from "../forge/index.ts";
import type { Repository } from "../git/index.ts";
import { releaseRuns } from "../plan/index.ts";
import { approvalRefusal, type Finding } from "../policy/index.ts";
import { advance, findRelease, releasesOf } from "../release/index.ts";
import { insertRun } from "../runs/index.ts";
import { type FactSources, gatherFacts, maintainersOf } from "./facts.ts";
import type { Intake } from "./intake.ts";
import { nextVersions } from "./next-versions.ts";
import { type PreflightAnswer, preflightOf } from "./preflight-of.ts";

export interface ReleaseActsOptions extends FactSources {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly forge: Forge;
  readonly intake: Intake;
  readonly onRuns: () => void;
}

/** A branch that could be released now: what would come next, and whether it may. */
export interface Candidate extends PreflightAnswer {
  readonly branch: string;
  readonly last: string | undefined;
  /** Commits since the last release of that line. */
  readonly commits: number;
  /** Why this version. */
  readonly reason: string;
}

/** What people do to releases. Faults: `not-found`, `forbidden`, `refused`, `bad-input`. */
export interface ReleaseActs {
  /** May this be released? The same engine as for a pushed tag; nothing is changed. */
  preflight(
    component: string,
    version: string,
    commit: string | undefined,
    by: Principal,
  ): Promise<Result<PreflightAnswer>>;
  candidates(component: string | undefined, by: Principal): Promise<Result<readonly Candidate[]>>;
  /** Tags the commit as the person who asked, if preflight lets it. Answers the release's id. */
  request(
    component: string,
    version: string,
    commit: string | undefined,
    by: Principal,
  ): Promise<Result<{ readonly id: string; readonly commit: string; readonly state: string }>>;
  /** Lets a quarantined release through, on the record, if nothing refused it that nobody may override. */
  approve(id: string, reason: string, by: Principal): Promise<Result<{ readonly id: string }>>;
}

const absent = "0".repeat(40);

export function createReleaseActs(options: ReleaseActsOptions): ReleaseActs {
  const { store, clock, ids } = options;

  function componentNamed(name: string): Result<Component> {
    const found = options.family().components.find((candidate) => candidate.name === name);
    return found ? ok(found) : err(fault("not-found", `there is no component ${name}`, { hint: "fairlead status" }));
  }

  /** Given, or the head of the version's maintenance branch, or of the default branch. */
  async function commitFor(
    repository: Repository,
    component: Component,
    version: string,
    given: string | undefined,
  ): Promise<Result<string>> {
    if (given !== undefined) {
      for (const name of [`refs/heads/${given}`, given]) {
        const commit = /^[0-9a-f]{40}$/.test(name) || name !== given ? await repository.commitOf(name) : undefined;
        if (commit !== undefined) return ok(commit);
      }
      return err(
        fault("not-found", `${component.name} has no commit ${given}`, { hint: "give a full id or a branch" }),
      );
    }
    const parsed = parseVersionTag(version);
    const line = parsed.ok ? await repository.commitOf(`refs/heads/release-${lineText(version)}`) : undefined;
    const main = component.defaultBranch ?? (await repository.defaultBranch()) ?? "main";
    const commit = line ?? (await repository.commitOf(`refs/heads/${main}`));
    return commit === undefined ? err(fault("not-found", `${component.name} has no branch ${main}`)) : ok(commit);
  }

  async function check(
    component: Component,
    version: string,
    given: string | undefined,
    by: Principal,
  ): Promise<Result<{ readonly answer: PreflightAnswer; readonly repository: Repository }>> {
    const repository = await options.git.open(component.name);
    const commit = await commitFor(repository, component, version, given);
    if (!commit.ok) return commit;
    const answer = await preflightOf(options, component.name, version, commit.value, by);
    return answer.ok ? ok({ answer: answer.value, repository }) : answer;
  }

  async function request(
    name: string,
    version: string,
    given: string | undefined,
    by: Principal,
  ): Promise<Result<{ readonly id: string; readonly commit: string; readonly state: string }>> {
    const component = componentNamed(name);
    if (!component.ok) return component;
    if (!mayMaintain(by, component.value))
      return err(
        fault("forbidden", `${by.user} may not release ${name}`, { hint: `${maintainersOf(component.value)} may` }),
      );
    const checked = await check(component.value, version, given, by);
    if (!checked.ok) return checked;
    const { answer, repository } = checked.value;
    if (answer.verdict === "refuse") {
      const first = answer.findings.find((finding) => finding.severity === "refuse");
      return err(
        fault("refused", `${name} ${version} may not be released: ${first?.message ?? "preflight refuses it"}`, {
          hint: first?.satisfiedBy,
          facts: { ...answer },
        }),
      );
    }
    const ref = `refs/tags/${version}`;
    const taken = (await repository.refs()).find((each) => each.name === ref);
    if (taken)
      return err(
        fault("refused", `the tag ${version} exists already, on ${taken.object.slice(0, 7)}`, {
          hint: `fairlead why ${name}@${version}`,
        }),
      );
    const at = clock.now();
    const tag = await repository.makeTag({
      name: version,
      commit: answer.commit,
      message: `${name} ${version}\n`,
      tagger: { name: by.user, email: `${by.user}@fairlead.invalid` },
      at,
    });
    await store.db
      .insertInto("pushes")
      .values({
        id: ids.uuid(),
        component: name,
        ref,
        before_id: absent,
        after_id: tag,
        actor: JSON.stringify(by),
        at,
      })
      .execute();
    const moved = await options.forge.setTag(name, version, absent, tag);
    if (!moved.ok) return moved;
    const decided = await options.intake.reconcile(name);
    const mine = decided.find((each) => each.plan.event.kind === "tag" && each.plan.event.ref === ref)?.releaseId;
    const id = mine ?? (await releasesOf(store, name)).find((row) => row.tag_object === tag)?.id;
    if (id === undefined) return err(fault("failed", `the tag ${version} was made, but no release followed`));
    return ok({ id, commit: answer.commit, state: (await findRelease(store, id))?.state ?? "requested" });
  }

  async function approve(id: string, reason: string, by: Principal): Promise<Result<{ readonly id: string }>> {
    const release = await findRelease(store, id);
    if (!release) return err(fault("not-found", `there is no release ${id}`, { hint: "fairlead releases" }));
    const component = componentNamed(release.component);
    if (!component.ok) return component;
    if (!mayMaintain(by, component.value))
      return err(
        fault("forbidden", `${by.user} may not approve releases of ${release.component}`, {
          hint: `${maintainersOf(component.value)} may`,
        }),
      );
    if (release.state !== "quarantined")
      return err(fault("refused", `${id} is ${release.state}; only a quarantined release is approved`));
    if (reason.trim() === "") return err(fault("bad-input", "an approval needs a reason; it is kept"));
    const findings: readonly Finding[] = JSON.parse(release.findings);
    const refusal = approvalRefusal(findings, by, release.requested_by);
    if (refusal)
      return err(fault("refused", refusal.message, { hint: refusal.satisfiedBy, facts: { rule: refusal.rule } }));
    const repository = await options.git.open(release.component);
    const tag = (await repository.refs()).find((ref) => ref.name === `refs/tags/${release.version}`);
    if (tag?.object !== release.tag_object)
      return err(
        fault("refused", `the tag ${release.version} is not what was looked at any more`, {
          hint: "its new commit is judged by itself: fairlead releases",
        }),
      );
    const event = {
      kind: "tag",
      component: release.component,
      ref: `refs/tags/${release.version}`,
      before: absent,
      after: release.tag_object,
      at: clock.now(),
      actor: by,
    } as const;
    const facts = await gatherFacts(options, event);
    const { runs } = releaseRuns(facts, release.version, release.commit_id);
    if (runs.length === 0)
      return err(fault("refused", "no job builds this tag", { hint: `fairlead jobs ${release.component}` }));
    const decision = await store.db
      .selectFrom("decisions")
      .select("event_id")
      .where("subject", "=", id)
      .orderBy("seq", "desc")
      .limit(1)
      .executeTakeFirst();
    let approved = false;
    await options.intake.submit(release.component, async (trx) => {
      const at = clock.now();
      const sentence = `approved by ${by.user}: ${reason}`;
      approved = await advance(store, trx, id, "building", sentence, at);
      if (!approved) return undefined;
      const runIds = runs.map(() => ids.uuid());
      for (const [index, planned] of runs.entries()) {
        await insertRun(store, trx, {
          id: runIds[index] ?? "",
          planned: { ...planned, reason: sentence },
          eventId: decision?.event_id ?? "",
          configHash: options.family().configHash,
          releaseId: id,
          rerunOf: undefined,
          at,
        });
      }
      await trx
        .updateTable("releases")
        .set({ approved_by: by.user, approved_reason: reason, run_id: runIds[0] ?? null })
        .where("id", "=", id)
        .execute();
      await trx
        .insertInto("decisions")
        .values({
          event_id: decision?.event_id ?? "",
          component: release.component,
          kind: "release",
          subject: id,
          commit_id: release.commit_id,
          reason: sentence,
          body: JSON.stringify({ tokenId: by.tokenId, findingsHash: release.findings_hash }),
          config_hash: options.family().configHash,
          at,
        })
        .execute();
      return undefined;
    });
    if (!approved) return err(fault("refused", `${id} is not quarantined any more`));
    options.onRuns();
    return ok({ id });
  }

  async function candidatesOf(component: Component, by: Principal): Promise<readonly Candidate[]> {
    const repository = await options.git.open(component.name);
    const refs = await repository.refs();
    const main = component.defaultBranch ?? (await repository.defaultBranch()) ?? "main";
    const branches = refs
      .filter((ref) => ref.name.startsWith("refs/heads/"))
      .map((ref) => ref.name.slice(11))
      .filter((branch) => branch === main || lineOfBranch(branch) !== undefined);
    const found: Candidate[] = [];
    for (const branch of branches.slice(0, 20)) {
      const head = await repository.commitOf(`refs/heads/${branch}`);
      if (head === undefined) continue;
      const { last, commits, versions } = await nextVersions(options, component, repository, branch, head, clock.now());
      if (commits === 0) continue;
      for (const { version, reason } of versions) {
        // Its tag is there: it is under way, held, or failed, and its page says so.
        if (refs.some((ref) => ref.name === `refs/tags/${version}`)) continue;
        const checked = await check(component, version, head, by);
        if (checked.ok) found.push({ ...checked.value.answer, branch, last, commits, reason });
      }
    }
    return found;
  }

  return {
    preflight: async (name, version, commit, by) => {
      const component = componentNamed(name);
      if (!component.ok) return component;
      const checked = await check(component.value, version, commit, by);
      return checked.ok ? ok(checked.value.answer) : checked;
    },
    candidates: async (name, by) => {
      const one = name === undefined ? undefined : componentNamed(name);
      if (one && !one.ok) return one;
      const components = one ? [one.value] : options.family().components.filter((each) => each.kind !== "internal");
      const all: Candidate[] = [];
      for (const component of components) all.push(...(await candidatesOf(component, by)));
      return ok(all);
    },
    request,
    approve,
  };
}

/** `X.Y` of `vX.Y.Z`. */
function lineText(version: string): string {
  return /^v(\d+\.\d+)\./.exec(version)?.[1] ?? "";
}
