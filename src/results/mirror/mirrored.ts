import { err, fault } from "../../core/index.ts";
import { explicitLayout, type Layout, pointersOf } from "../layout.ts";
import type { ResultStore } from "../model.ts";
import type { MirrorQueue } from "./queue.ts";

/** A store whose finished attempts are mirrored: noted on disk before they begin, uploaded when they have ended. */
export function mirroredResults(store: ResultStore, queue: MirrorQueue, layout: Layout = explicitLayout): ResultStore {
  return {
    ...store,
    begin: async (key, started) => {
      const { latest, alias } = pointersOf(key, layout);
      try {
        await queue.note({ buildId: key.buildId, folder: store.pathOf(key), latest, alias });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return err(fault("failed", `that the results are to be mirrored could not be noted: ${why}`, { cause: error }));
      }
      return await store.begin(key, started);
    },
    finish: async (key, finished) => {
      const done = await store.finish(key, finished);
      if (done.ok) queue.finished(key.buildId);
      return done;
    },
  };
}
