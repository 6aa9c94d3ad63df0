import { z } from "zod";
import { ok } from "../core/index.ts";
import type { Trains } from "../intake/index.ts";
import { acting, type Route, reading } from "./routes.ts";
import type { Views } from "./views/index.ts";

const name = z.string().min(1).max(100);

/** Releases of several components at one go. */
export function trainRoutes(trains: Trains, views: Views): readonly Route[] {
  return [
    reading("/train", "Which components need a release, in what order and version, and what is in the way.", async () =>
      ok(await views.train()),
    ),
    reading("/trains/:id", "One train that was started, and where each of its releases stands.", ({ params }) =>
      views.oneTrain(params["id"] ?? ""),
    ),
    acting(
      "POST",
      "/trains",
      "Releases several components in order; answers the same train where it goes already.",
      "maintainer",
      z.object({
        releases: z
          .array(
            z.object({
              component: name,
              version: z.string().max(130),
              commit: z.string().max(40).optional(),
              after: z.array(name).max(100).optional(),
            }),
          )
          .max(100),
      }),
      ({ body, principal }) => trains.start(body, principal),
    ),
    acting(
      "POST",
      "/trains/:id/stop",
      "Begins no further release of the train; what was begun goes on.",
      "maintainer",
      z.object({ reason: z.string().trim().min(1).max(2000).default("asked for") }),
      ({ params, body, principal }) => trains.stop(params["id"] ?? "", body.reason, principal),
    ),
  ];
}
