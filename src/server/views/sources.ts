import type { Kysely } from "kysely";
import type { Clock, Fault } from "../../core/index.ts";
import type { Family } from "../../family/index.ts";
import type { NextRelease } from "../../intake/index.ts";
import type { TrainPlan } from "../../policy/index.ts";
import type { ResultStore } from "../../results/index.ts";
import type { Database } from "../../store/index.ts";

/** What the views read from. */
export interface ViewSources {
  readonly db: Kysely<Database>;
  readonly family: () => Family;
  /** What needs a release. */
  readonly trainPlan: () => Promise<TrainPlan>;
  /** What would be released from the default branch of a component. */
  readonly nextRelease: (component: string) => Promise<NextRelease | undefined>;
  /** Why the configuration files as they are now are not in force. */
  readonly problem?: (() => Fault | undefined) | undefined;
  readonly clock: Clock;
  readonly results: Pick<ResultStore, "pathOf" | "listArtifacts">;
  /** The server's address without a final slash: `http://127.0.0.1:7070`. */
  readonly url: () => string;
  /** How one image is pulled from the built-in registry: `127.0.0.1:7070/family/image`. */
  readonly imageReference?: ((image: string) => string) | undefined;
}
