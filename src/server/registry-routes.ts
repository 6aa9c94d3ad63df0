import { z } from "zod";
import { err, fault, ok } from "../core/index.ts";
import type { ApiParts } from "./api.ts";
import { acting, type Route, reading } from "./routes.ts";

/** What the registries hold, what is brought to them, and what an audit found there. */
export function registryRoutes(parts: ApiParts): readonly Route[] {
  const { views } = parts;
  const name = z.string().min(1).max(300).optional();
  return [
    reading("/registries", "Which release registry has which images, and what is left.", async ({ query }) =>
      ok(await views.registries(query.get("component") ?? undefined)),
    ),
    acting(
      "POST",
      "/registries/promote",
      "Brings releases to registries that lack them, by digest, and tries at once what is under way. Nothing is built.",
      "maintainer",
      z.object({ release: name, component: name, registry: name, all: z.coerce.boolean().default(false) }),
      async ({ body, principal }) => {
        const { release, component, registry, all } = body;
        if (!all && release === undefined && component === undefined)
          return err(
            fault("bad-input", "say what is to be brought: a release, a component, or all", {
              hint: "fairlead registries shows what is left",
            }),
          );
        return await parts.promotion.promote({ release, component, registry }, principal);
      },
    ),
    reading("/audit", "Differences between the registries and the record, as the last audit found them.", async () =>
      ok(await views.audit()),
    ),
    acting(
      "POST",
      "/audit",
      "Compares every release registry with the record now; nothing is changed there.",
      "contributor",
      z.object({}),
      async () => {
        await parts.auditor.audit();
        return ok(await views.audit());
      },
    ),
  ];
}
