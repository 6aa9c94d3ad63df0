import { z } from "zod";
import { ok } from "../core/index.ts";
import { type FactSources, type MaintenanceActs, missingFixes, type SharedActs, type Upkeep } from "../intake/index.ts";
import { acting, type Route, reading } from "./routes.ts";

const reason = z.string().trim().min(1, "is empty").max(2000);
const name = z.string().min(1).max(250);
const change = z.int().positive();

/** Maintenance branches, freezes, backports and shared folders. */
export function maintenanceRoutes(
  acts: MaintenanceActs,
  shared: SharedActs,
  upkeep: Upkeep,
  sources: FactSources,
): readonly Route[] {
  return [
    reading(
      "/maintenance",
      "What the maintenance job last found, by component and kind of update.",
      async ({ query }) => {
        const found = await upkeep.list(query.get("component") ?? undefined);
        return found.ok ? ok({ items: found.value }) : found;
      },
    ),
    acting(
      "POST",
      "/maintenance",
      "Looks for newer modules, Go releases, base images, shared folders and pins now, and opens changes.",
      "maintainer",
      z.object({ component: name.optional() }),
      async ({ body, principal }) => {
        const found = await upkeep.look(body.component, principal);
        return found.ok ? ok({ items: found.value }) : found;
      },
    ),
    reading(
      "/shared",
      "Folders that are copies of an internal component, and how far each is behind.",
      async ({ query }) => {
        const found = await shared.list(query.get("component") ?? undefined);
        return found.ok ? ok({ items: found.value }) : found;
      },
    ),
    acting(
      "POST",
      "/shared",
      "Opens, or brings up to date, one change for each shared folder that is behind.",
      "maintainer",
      z.object({ component: name.optional() }),
      async ({ body, principal }) => {
        const done = await shared.update(body.component, principal);
        return done.ok ? ok({ items: done.value }) : done;
      },
    ),
    acting(
      "POST",
      "/branches",
      "Makes the maintenance branch `release-X.Y` of a release `vX.Y.0`.",
      "maintainer",
      z.object({ component: name, version: name }),
      ({ body, principal }) => acts.branch(body.component, body.version, principal),
    ),
    acting(
      "POST",
      "/freezes",
      "Lets only changes for one release into a branch, until a date, its publication or a thaw.",
      "maintainer",
      z.object({
        component: name,
        branch: name,
        version: name,
        until: z.string().max(60).optional(),
        reason: reason.default("asked for"),
      }),
      async ({ body, principal }) => {
        const { component, branch, version, until } = body;
        const frozen = await acts.freeze({ component, branch, version, until, reason: body.reason, by: principal });
        return frozen.ok ? ok({ component, ...frozen.value }) : frozen;
      },
    ),
    acting(
      "POST",
      "/freezes/thaw",
      "Ends a freeze before its time.",
      "maintainer",
      z.object({ component: name, branch: name, reason }),
      async ({ body, principal }) => {
        const thawed = await acts.thaw(body.component, body.branch, body.reason, principal);
        return thawed.ok ? ok({ component: body.component, ...thawed.value }) : thawed;
      },
    ),
    acting(
      "POST",
      "/changes/:component/:number/mark",
      "Marks a change as meant for a release, so that it passes a freeze for it; null takes the mark away.",
      "maintainer",
      z.object({ version: name.nullable() }),
      ({ params, body, principal }) =>
        acts.mark(params["component"] ?? "", Number(params["number"]), body.version ?? undefined, principal),
    ),
    reading(
      "/backports",
      "What each supported maintenance branch lacks of the default branch, by patch id.",
      async ({ query }) => {
        const found = await missingFixes(sources, query.get("component") ?? undefined);
        return found.ok ? ok({ items: found.value }) : found;
      },
    ),
    acting(
      "POST",
      "/backports",
      "Opens the change that brings a merged one to a maintenance branch.",
      "maintainer",
      z.object({ component: name, change, branch: name }),
      ({ body, principal }) => acts.backport(body.component, body.change, body.branch, principal),
    ),
  ];
}
