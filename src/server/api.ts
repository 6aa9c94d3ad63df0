import { z } from "zod";
import { type Clock, err, fault, type Ids, ok, parseDuration } from "../core/index.ts";
import type { Capability } from "../execute/index.ts";
import type { Family } from "../family/index.ts";
import {
  type ChangeActs,
  type FactSources,
  type Intake,
  type Landing,
  type MaintenanceActs,
  outsideEventSchema,
  type PinActs,
  type ReleaseActs,
  type RunActs,
  readEventFile,
  reproductionOf,
  type SharedActs,
  type Trains,
  type Upkeep,
  type VerdictActs,
} from "../intake/index.ts";
import type { Job } from "../jobs/index.ts";
import type { Plan } from "../plan/index.ts";
import type { Auditor } from "../proof/index.ts";
import type { Promotion } from "../release/index.ts";
import type { ResultStore } from "../results/index.ts";
import type { Access } from "./access.ts";
import { maintenanceRoutes } from "./maintenance-routes.ts";
import { type ProofParts, proofRoutes } from "./proof-routes.ts";
import { registryRoutes } from "./registry-routes.ts";
import { acting, type Route, reading } from "./routes.ts";
import { trainRoutes } from "./train-routes.ts";
import type { Views } from "./views/index.ts";

/** What the API is a door to. */
export interface ApiParts {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly family: () => Family;
  readonly sources: FactSources;
  readonly views: Views;
  readonly access: Access;
  readonly intake: Intake;
  readonly landing: Landing;
  readonly changeActs: ChangeActs;
  readonly releaseActs: ReleaseActs;
  readonly maintenanceActs: MaintenanceActs;
  readonly verdictActs: VerdictActs;
  readonly sharedActs: SharedActs;
  readonly pinActs: PinActs;
  readonly trains: Trains;
  readonly upkeep: Upkeep;
  readonly runActs: RunActs;
  readonly promotion: Promotion;
  readonly auditor: Auditor;
  readonly results: ResultStore;
  readonly jobs: () => Promise<readonly Job[]>;
  /** Branches of each component, its default branch first. */
  readonly branches: () => Promise<Readonly<Record<string, readonly string[]>>>;
  readonly capabilities: () => Promise<readonly Capability[]>;
  readonly proof: ProofParts;
  /** A tar of everything the home needs to live again. */
  readonly backup: () => Promise<Response>;
}

const reason = z.string().trim().min(1, "is empty").max(2000);
const logWindow = 1024 * 1024;

export function apiRoutes(parts: ApiParts): readonly Route[] {
  const { views } = parts;
  const number = (text: string | undefined) => (/^\d{1,9}$/.test(text ?? "") ? Number(text) : undefined);
  const whole = (query: URLSearchParams, name: string) => number(query.get(name) ?? undefined);
  const given = (query: URLSearchParams, name: string) => query.get(name) ?? undefined;
  return [
    reading("/whoami", "Who the token belongs to.", async ({ principal }) => ok(principal)),
    reading("/family", "The family and where each component stands with being taken in.", async () =>
      ok({ ...(await views.family()), configHash: parts.family().configHash }),
    ),
    reading("/capabilities", "What jobs can need on this machine, and what is missing.", async () =>
      ok({ items: await parts.capabilities() }),
    ),
    reading("/status", "Where each component stands, and what comes next.", ({ query }) =>
      views.status(given(query, "component")),
    ),
    reading("/components/:name", "One component.", ({ params }) => views.component(params["name"] ?? "")),
    reading(
      "/components/:name/canaries",
      "What its canary tags meant, newest first: digest, commit, run, when; `before` an id goes on.",
      ({ params, query }) =>
        views.canaries(params["name"] ?? "", {
          tag: given(query, "tag"),
          before: whole(query, "before"),
          limit: whole(query, "limit"),
        }),
    ),
    reading("/changes", "Changes, newest first.", async ({ query }) =>
      ok(
        await views.changes({
          component: given(query, "component"),
          state: given(query, "state"),
          limit: whole(query, "limit"),
        }),
      ),
    ),
    reading("/changes/:component/:number", "One change with its checks and its gate.", ({ params }) =>
      views.change(params["component"] ?? "", number(params["number"]) ?? 0),
    ),
    reading("/runs", "Runs, newest first.", async ({ query }) =>
      ok(
        await views.runs({
          component: given(query, "component"),
          job: given(query, "job"),
          state: given(query, "state"),
          change: whole(query, "change"),
          limit: whole(query, "limit"),
        }),
      ),
    ),
    reading("/runs/:id", "One run, by its id or its build id.", ({ params }) => views.run(params["id"] ?? "")),
    reading(
      "/runs/:id/log",
      "Its log from `offset` on; `x-log-next` and `x-log-complete` tell how to go on.",
      (input) => readLog(parts, input.params["id"] ?? "", whole(input.query, "offset") ?? 0),
    ),
    reading("/releases", "Releases, newest first.", async ({ query }) =>
      ok(
        await views.releases({
          component: given(query, "component"),
          state: given(query, "state"),
          limit: whole(query, "limit"),
        }),
      ),
    ),
    reading("/releases/:id", "One release: its states, findings, images and registries.", ({ params }) =>
      views.release(params["id"] ?? ""),
    ),
    reading("/pin-sets", "Sets of images that were tested together, newest first.", async ({ query }) =>
      ok(await views.pinSets({ deployment: given(query, "deployment"), limit: whole(query, "limit") })),
    ),
    reading(
      "/pin-sets/:id",
      "One pin set, the runs that tested it, and what differs from the one before or from `with`.",
      ({ params, query }) => views.pinSet(params["id"] ?? "", given(query, "with")),
    ),
    reading("/candidates", "What could be released now, with the verdict on each.", async ({ query, principal }) => {
      const found = await parts.releaseActs.candidates(given(query, "component"), principal);
      return found.ok ? ok({ items: found.value }) : found;
    }),
    reading("/preflight", "May this version be released? Nothing is changed.", ({ query, principal }) =>
      parts.releaseActs.preflight(
        given(query, "component") ?? "",
        given(query, "version") ?? "",
        given(query, "commit"),
        principal,
      ),
    ),
    reading("/pins", "What deployments pin, and what is newer.", async () => ok(await parts.pinActs.pins())),
    reading("/why", "The stored decisions about a subject, and the next command.", ({ query }) =>
      views.why(given(query, "subject") ?? ""),
    ),
    reading("/jobs", "The jobs, with where each comes from.", async ({ query }) => {
      const component = given(query, "component");
      const jobs = await parts.jobs();
      const wanted = component === undefined ? jobs : jobs.filter((job) => job.component === component);
      return ok({ items: wanted, branches: await parts.branches() });
    }),
    reading("/reproduction", "All that is needed to do a run elsewhere.", async ({ query }) => {
      const named = given(query, "change")?.split(",") ?? [];
      const wrong = named.find((each) => !/^\d{1,9}$/.test(each));
      if (wrong !== undefined) return err(fault("bad-input", `${wrong.slice(0, 60)} is no number of a change`));
      return await reproductionOf(
        { ...parts.sources, clock: parts.clock, ids: parts.ids },
        {
          job: given(query, "job") ?? "",
          component: given(query, "component"),
          changes: named.map(Number),
          ref: given(query, "ref"),
          run: given(query, "run"),
        },
      );
    }),
    acting(
      "POST",
      "/plan",
      "What an event would cause, and why, without doing it.",
      "reader",
      z.object({ event: outsideEventSchema }),
      async ({ body }) => {
        const event = await readEventFile(parts.sources, parts.clock.now(), body.event);
        return event.ok ? ok(planView(await parts.intake.dryRun(event.value))) : event;
      },
    ),
    acting(
      "POST",
      "/changes/:component/:number/merge",
      "Merges a change if its gate is open, or overrides it with a reason that is kept.",
      "maintainer",
      z.object({ override: reason.optional() }),
      async ({ params, body, principal }) => {
        const { component = "", number: text } = params;
        const merged = await parts.landing.merge(component, number(text) ?? 0, principal, body.override);
        return merged.ok ? ok({ merged: true, ...merged.value }) : merged;
      },
    ),
    acting(
      "POST",
      "/changes/:component/:number/allow",
      "Lets the head commit of a stranger's change be tested.",
      "maintainer",
      z.object({}),
      ({ params, principal }) =>
        parts.changeActs.allow(params["component"] ?? "", number(params["number"]) ?? 0, principal),
    ),
    acting(
      "POST",
      "/changes/:component/:number/comments",
      "Says something about a change; Prow's commands in it (`/test NAME`, `/retest`, …) are carried out.",
      "contributor",
      z.object({ comment: z.string().min(1).max(65_536) }),
      ({ params, body, principal }) =>
        parts.changeActs.comment(params["component"] ?? "", number(params["number"]) ?? 0, body.comment, principal),
    ),
    acting(
      "POST",
      "/changes/:component/:number/close",
      "Closes a change without merging it.",
      "contributor",
      z.object({}),
      async ({ params, principal }) => {
        const closed = await parts.changeActs.close(
          params["component"] ?? "",
          number(params["number"]) ?? 0,
          principal,
        );
        return closed.ok ? ok({ closed: true }) : closed;
      },
    ),
    acting(
      "POST",
      "/runs/:id/rerun",
      "Runs it again, on the base and head as they are now; a job that its change brought, as it was.",
      "contributor",
      z.object({}),
      async ({ params, principal }) => {
        const run = await parts.runActs.rerun(params["id"] ?? "", principal);
        return run.ok ? ok({ run: run.value }) : run;
      },
    ),
    acting(
      "POST",
      "/runs/:id/abort",
      "Ends a run that has not ended.",
      "contributor",
      z.object({ reason: reason.default("asked for") }),
      async ({ params, body, principal }) => {
        const done = await parts.runActs.abort(params["id"] ?? "", body.reason, principal);
        return done.ok ? ok({ aborted: true }) : done;
      },
    ),
    acting(
      "POST",
      "/pins/update",
      "Opens a change of a deployment that edits only its pins, or renews the open one.",
      "contributor",
      z.object({
        deployment: z.string().max(100).optional(),
        component: z.string().max(100).optional(),
        below: z.string().max(1000).optional(),
      }),
      ({ body: { deployment, component, below }, principal }) =>
        parts.pinActs.update({ deployment, component, below }, principal),
    ),
    acting(
      "POST",
      "/releases",
      "Tags a commit as the person who asks, if preflight lets it; the tag starts the release.",
      "maintainer",
      z.object({
        component: z.string(),
        version: z.string(),
        commit: z.string().optional(),
        dryRun: z.boolean().default(false),
      }),
      async ({ body, principal }) => {
        const { component, version, commit } = body;
        return body.dryRun
          ? await parts.releaseActs.preflight(component, version, commit, principal)
          : await parts.releaseActs.request(component, version, commit, principal);
      },
    ),
    acting(
      "POST",
      "/releases/:id/approve",
      "Lets a quarantined release through, on the record.",
      "maintainer",
      z.object({ reason }),
      ({ params, body, principal }) => parts.releaseActs.approve(params["id"] ?? "", body.reason, principal),
    ),
    acting(
      "POST",
      "/releases/:id/withdraw",
      "Marks a published release as not to be used; its bytes and its tag stay.",
      "maintainer",
      z.object({ reason }),
      ({ params, body, principal }) => parts.verdictActs.withdraw(params["id"] ?? "", body.reason, principal),
    ),
    acting(
      "POST",
      "/releases/:id/notes",
      "Keeps the result of a test that a person did; a failed candidate refuses its final version.",
      "maintainer",
      z.object({ result: z.enum(["pass", "fail"]), text: z.string().trim().max(2000).default("") }),
      ({ params, body, principal }) => parts.verdictActs.note(params["id"] ?? "", body, principal),
    ),
    ...maintenanceRoutes(parts.maintenanceActs, parts.sharedActs, parts.upkeep, parts.sources),
    ...trainRoutes(parts.trains, views),
    ...registryRoutes(parts),
    {
      ...reading("/tokens", "All tokens, never their secrets.", async ({ principal }) =>
        principal.role === "administrator"
          ? ok({ items: await parts.access.list() })
          : err(
              fault(
                principal.tokenId === "anonymous" ? "unauthorized" : "forbidden",
                "only an administrator sees tokens",
              ),
            ),
      ),
      role: "administrator",
    },
    acting(
      "POST",
      "/tokens",
      "Makes a token; its secret is told once.",
      "administrator",
      z.object({
        user: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/, "a user name of letters, digits, dots, dashes"),
        role: z.enum(["reader", "contributor", "maintainer", "administrator"]),
        components: z.array(z.string()).optional(),
        expires: z.string().optional(),
      }),
      async ({ body, principal }) => {
        const lifetime = body.expires === undefined ? undefined : parseDuration(body.expires);
        if (lifetime && !lifetime.ok) return lifetime;
        const known = parts.family().components.map((component) => component.name);
        const stranger = body.components?.find((component) => !known.includes(component));
        if (stranger !== undefined) return err(fault("bad-input", `there is no component ${stranger}`));
        const { user, role, components } = body;
        const made = await parts.access.create({
          user,
          role,
          components,
          lifetimeMs: lifetime?.value,
          by: principal.user,
        });
        return ok({ ...made, user, role, components: components ?? null });
      },
    ),
    acting("DELETE", "/tokens/:id", "Revokes a token at once.", "administrator", z.object({}), async ({ params }) => {
      const done = await parts.access.revoke(params["id"] ?? "");
      return done.ok ? ok({ revoked: true }) : done;
    }),
    ...proofRoutes(parts.proof),
    acting("POST", "/backup", "A tar of all state, consistent while in use.", "administrator", z.object({}), () =>
      parts.backup(),
    ),
  ];
}

async function readLog(parts: ApiParts, id: string, offset: number) {
  const key = await parts.views.resultKey(id);
  const piece = key && (await parts.results.readLog(key, offset, logWindow));
  if (!piece) {
    const run = await parts.views.run(id);
    if (!run.ok) return run;
    const ended = run.value.finished !== null;
    return new Response("", {
      headers: { "content-type": "text/plain; charset=utf-8", "x-log-next": "0", "x-log-complete": String(ended) },
    });
  }
  return new Response(Uint8Array.from(piece.bytes), {
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "x-log-next": String(piece.next),
      "x-log-complete": String(piece.complete),
    },
  });
}

/** Design 6: `plan`. */
export function planView(plan: Plan) {
  return {
    event: plan.event,
    runs: plan.runs.map(({ job, type, component, rule, reason }) => ({ job: job.name, type, component, rule, reason })),
    skipped: plan.skipped,
    effects: plan.effects.flatMap((effect) => (effect.kind === "release-step" ? [] : [effect])),
  };
}
