import { type Clock, err, fault, forOneLine, type Ids, ok, parseDuration, type Result } from "../core/index.ts";
import {
  type Component,
  maintenanceBranchOf,
  mayMaintain,
  type Principal,
  parseVersionTag,
  type Version,
} from "../family/index.ts";
import type { Forge } from "../forge/index.ts";
import { type Freeze, freezeOn, inForce } from "../policy/index.ts";
import { appendFeed, type Trx } from "../store/index.ts";
import { backportChange } from "./backport.ts";
import { type FactSources, maintainersOf } from "./facts.ts";
import type { Intake } from "./intake.ts";
import { findChange, freezesOf, publishedVersions } from "./records.ts";

export interface MaintenanceActsOptions extends FactSources {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly forge: Forge;
  readonly intake: Intake;
}

/** What maintainers do to branches. Faults: `not-found`, `forbidden`, `refused` (facts: conflicts), `bad-input`. */
export interface MaintenanceActs {
  /** KEP: maintenance releases come from `release-X.Y`, which is based on `vX.Y.0`. */
  branch(
    component: string,
    version: string,
    by: Principal,
  ): Promise<Result<{ readonly branch: string; readonly commit: string }>>;
  /** KEP: only changes for that release are accepted. `until`: a date (`2026-12-01`), a time, or how long (`14d`). */
  freeze(input: {
    readonly component: string;
    readonly branch: string;
    readonly version: string;
    readonly until: string | undefined;
    readonly reason: string;
    readonly by: Principal;
  }): Promise<Result<Freeze>>;
  thaw(component: string, branch: string, reason: string, by: Principal): Promise<Result<Freeze>>;
  /** Marks an open change as meant for a release, so that it passes a freeze for it; `undefined` takes the mark away. */
  mark(
    component: string,
    number: number,
    version: string | undefined,
    by: Principal,
  ): Promise<Result<{ readonly version: string | null }>>;
  /** Opens the change that brings a merged one to a maintenance branch; answers the open one where there is one. */
  backport(
    component: string,
    number: number,
    branch: string,
    by: Principal,
  ): Promise<Result<{ readonly number: number; readonly head: string; readonly opened: boolean }>>;
}

const absent = "0".repeat(40);

export function createMaintenanceActs(options: MaintenanceActsOptions): MaintenanceActs {
  const { store, clock, ids } = options;

  function maintained(name: string, by: Principal, what: string): Result<Component> {
    const component = options.family().components.find((candidate) => candidate.name === name);
    if (!component) return err(fault("not-found", `there is no component ${name}`, { hint: "fairlead status" }));
    if (mayMaintain(by, component)) return ok(component);
    return err(fault("forbidden", `${by.user} may not ${what} ${name}`, { hint: `${maintainersOf(component)} may` }));
  }

  async function branch(name: string, text: string, by: Principal) {
    const component = maintained(name, by, "make branches of");
    if (!component.ok) return component;
    const version = firstOfItsLine(text);
    if (!version.ok) return version;
    if (component.value.kind === "internal")
      return err(fault("refused", `${name} is internal: it is never tagged, so it has no maintenance releases`));
    const repository = await options.git.open(name);
    const refs = await repository.refs();
    const commit = refs.find((ref) => ref.name === `refs/tags/${text}`)?.commit;
    if (commit === undefined)
      return err(
        fault("refused", `${name} has no ${text} to base a maintenance branch on`, {
          hint: `release it first: fairlead release ${name} ${text}`,
        }),
      );
    const made = maintenanceBranchOf(version.value);
    const ref = `refs/heads/${made}`;
    const there = refs.find((each) => each.name === ref);
    if (there)
      return err(
        fault("refused", `${name} has ${made} already, at ${there.object.slice(0, 7)}`, {
          hint: `fairlead backport ${name} CHANGE ${made}`,
        }),
      );
    const at = clock.now();
    await store.db
      .insertInto("pushes")
      .values({
        id: ids.uuid(),
        component: name,
        ref,
        before_id: absent,
        after_id: commit,
        actor: JSON.stringify(by),
        at,
      })
      .execute();
    const moved = await options.forge.land(name, made, absent, commit);
    if (!moved.ok) return moved;
    await options.intake.reconcile(name);
    return ok({ branch: made, commit });
  }

  return {
    branch,
    freeze: async (input) => {
      const { component: name, version, by } = input;
      const component = maintained(name, by, "freeze");
      if (!component.ok) return component;
      const parsed = parseVersionTag(version);
      if (!parsed.ok) return parsed;
      if (parsed.value.prerelease !== undefined)
        return err(fault("bad-input", `${version} is a candidate; a freeze is for its final version`));
      const now = clock.now();
      const until = input.until === undefined ? ok(undefined) : momentOf(input.until, now);
      if (!until.ok) return until;
      const repository = await options.git.open(name);
      if ((await repository.commitOf(`refs/heads/${input.branch}`)) === undefined)
        return err(fault("not-found", `${name} has no branch ${forOneLine(input.branch, 80)}`));
      const published = await publishedVersions(store.db, name);
      if (published.has(version))
        return err(fault("refused", `${name} ${version} is published; there is nothing to freeze for`));
      const frozen = freezeOn(input.branch, await freezesOf(store.db, name), published, now);
      if (frozen)
        return err(
          fault("refused", `${input.branch} of ${name} is frozen for ${frozen.version} already`, {
            hint: `fairlead thaw ${name} ${input.branch} --reason TEXT`,
          }),
        );
      const freeze: Freeze = {
        id: ids.uuid(),
        branch: input.branch,
        version,
        from: now,
        until: until.value,
        endedAt: undefined,
        by: by.user,
      };
      await store.transaction(async (trx) => {
        await trx
          .insertInto("freezes")
          .values({
            id: freeze.id,
            component: name,
            branch: freeze.branch,
            version,
            reason: input.reason,
            by_user: by.user,
            from_at: now,
            until_at: freeze.until ?? null,
            ended_at: null,
            ended_by: null,
            ended_reason: null,
          })
          .execute();
        const sentence = `${freeze.branch} is frozen for ${version}: ${input.reason}`;
        await recordDecision(trx, name, `${name}:${freeze.branch}`, sentence, by, now);
        await appendFeed(store, trx, [
          { at: now, topic: "component", component: name, subject: name, state: "frozen" },
        ]);
      });
      return ok(freeze);
    },
    thaw: async (name, branchName, reason, by) => {
      const component = maintained(name, by, "thaw");
      if (!component.ok) return component;
      const now = clock.now();
      const published = await publishedVersions(store.db, name);
      const frozen = (await freezesOf(store.db, name)).find(
        (freeze) => freeze.branch === branchName && inForce(freeze, published, now),
      );
      if (!frozen) return err(fault("refused", `${forOneLine(branchName, 80)} of ${name} is not frozen`));
      await store.transaction(async (trx) => {
        await trx
          .updateTable("freezes")
          .set({ ended_at: now, ended_by: by.user, ended_reason: reason })
          .where("id", "=", frozen.id)
          .where("ended_at", "is", null)
          .execute();
        const sentence = `${branchName} is open again before ${frozen.version}: ${reason}`;
        await recordDecision(trx, name, `${name}:${branchName}`, sentence, by, now);
        await appendFeed(store, trx, [
          { at: now, topic: "component", component: name, subject: name, state: "thawed" },
        ]);
      });
      return ok({ ...frozen, endedAt: now });
    },
    mark: async (name, number, version, by) => {
      const component = maintained(name, by, "mark changes of");
      if (!component.ok) return component;
      const change = await findChange(store, name, number);
      if (!change) return err(fault("not-found", `${name} has no change ${number}`, { hint: "fairlead changes" }));
      if (change.state !== "open") return err(fault("refused", `change ${number} is ${change.state}`));
      const parsed = version === undefined ? undefined : parseVersionTag(version);
      if (parsed && !parsed.ok) return parsed;
      const now = clock.now();
      const subject = `${name}#${number}`;
      await store.transaction(async (trx) => {
        await trx
          .updateTable("changes")
          .set({ for_release: version ?? null, updated_at: now })
          .where("component", "=", name)
          .where("number", "=", number)
          .execute();
        const sentence = version === undefined ? "is for no release any more" : `is for ${version}`;
        await recordDecision(trx, name, subject, `change ${number} ${sentence}`, by, now);
        await appendFeed(store, trx, [{ at: now, topic: "change", component: name, subject, state: "marked" }]);
      });
      return ok({ version: version ?? null });
    },
    backport: async (name, number, branchName, by) => {
      const component = maintained(name, by, "backport changes of");
      if (!component.ok) return component;
      return await backportChange(options, component.value, number, branchName, by);
    },
  };

  /** What a person said is kept with who said it: `why` reads it. */
  async function recordDecision(
    trx: Trx,
    component: string,
    subject: string,
    reason: string,
    by: Principal,
    at: number,
  ): Promise<void> {
    await trx
      .insertInto("decisions")
      .values({
        event_id: "",
        component,
        kind: "freeze",
        subject,
        commit_id: null,
        reason: `${reason} (${by.user})`,
        body: JSON.stringify({ tokenId: by.tokenId }),
        config_hash: options.family().configHash,
        at,
      })
      .execute();
  }
}

function firstOfItsLine(text: string): Result<Version> {
  const version = parseVersionTag(text);
  if (!version.ok) return version;
  const { major, minor, patch, prerelease } = version.value;
  if (patch === 0 && prerelease === undefined) return version;
  return err(
    fault("bad-input", `a maintenance branch is based on vX.Y.0, not on ${text}`, {
      hint: `did you mean v${major}.${minor}.0?`,
    }),
  );
}

/** A date or time (UTC where it names no zone), or how long from now. Milliseconds. */
function momentOf(text: string, now: number): Result<number> {
  const date = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)
    ? Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) || /(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`)
    : undefined;
  const span = date === undefined ? parseDuration(text) : undefined;
  const moment = date ?? (span?.ok ? now + span.value : Number.NaN);
  if (!Number.isFinite(moment))
    return err(
      fault("bad-input", `${JSON.stringify(text.slice(0, 60))} is no date`, {
        hint: "write 2026-12-01, 2026-12-01T12:00Z, or how long: 14d",
      }),
    );
  if (moment <= now) return err(fault("bad-input", `${text} is past`, { hint: "name a moment to come" }));
  return ok(moment);
}
