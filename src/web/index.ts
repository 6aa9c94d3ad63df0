import { Hono } from "hono";
import type { Clock } from "../core/index.ts";
import type { ResultStore } from "../results/index.ts";
import type { PageEnv } from "../server/app.ts";
import type { Views } from "../server/views/index.ts";

export function createPages(_parts: {
  views: Views;
  results: ResultStore;
  clock: Clock;
  assets: string;
}): Hono<PageEnv> {
  return new Hono<PageEnv>();
}
