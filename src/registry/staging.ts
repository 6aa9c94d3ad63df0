import { createHash } from "node:crypto";
import type { Ids } from "../core/index.ts";
import type { Descriptor } from "../oci/index.ts";
import type { Store } from "../store/index.ts";
import { forgetRepositories, stagedTags, stagingRuns } from "./records.ts";
import { stagedImageOf } from "./staging-names.ts";

/** What a run may do at the registry's door: push, and read again, below its own names, until it ends. */
export interface RunGrant {
  readonly runId: string;
  readonly component: string;
  /** `staging/<run>/` */
  readonly prefix: string;
}

/** One tag that a run pushed. */
export interface StagedTag {
  /** The repository below the run's names: the image's name. */
  readonly image: string;
  readonly tag: string;
  readonly root: Descriptor;
}

/** Names that one run pushes to and nobody else sees: in no listing, read by the run alone, gone with it. */
export interface Staging {
  /** A token that ends with the run. Again for the same run: another token, and the first one ends. */
  open(run: { readonly runId: string; readonly component: string }): {
    readonly grant: RunGrant;
    readonly token: string;
  };
  grantOf(token: string): RunGrant | undefined;
  /** What the run pushed so far, by image and tag. */
  pushed(runId: string): Promise<readonly StagedTag[]>;
  /** The token ends, and the names with it; bytes that a record refers to by then stay. */
  close(runId: string): Promise<void>;
  /** Removes the names of runs that an earlier server left behind. */
  sweep(): Promise<void>;
}

/** Told apart from people's tokens at the first glance, by us and by scanners of leaked secrets. */
const prefix = "flrun_";

export function createStaging(options: { readonly store: Store; readonly ids: Ids }): Staging {
  const { store, ids } = options;
  const grants = new Map<string, RunGrant>();

  function end(runId: string): void {
    for (const [hash, grant] of grants) if (grant.runId === runId) grants.delete(hash);
  }

  return {
    open: ({ runId, component }) => {
      end(runId);
      const token = `${prefix}${ids.hex(24)}`;
      const grant = { runId, component, prefix: `staging/${runId.toLowerCase()}/` };
      grants.set(hashOf(token), grant);
      return { grant, token };
    },
    grantOf: (token) => (token.startsWith(prefix) ? grants.get(hashOf(token)) : undefined),
    pushed: async (runId) => {
      const rows = await stagedTags(store.db, `staging/${runId.toLowerCase()}/`);
      return rows.flatMap(({ repository, tag, digest, media_type, size }) => {
        const image = stagedImageOf(repository);
        return image === undefined ? [] : [{ image, tag, root: { mediaType: media_type, digest, size } }];
      });
    },
    close: async (runId) => {
      end(runId);
      await store.transaction((trx) => forgetRepositories(trx, `staging/${runId.toLowerCase()}/`));
    },
    sweep: async () => {
      const open = new Set([...grants.values()].map((grant) => grant.prefix));
      for (const run of await stagingRuns(store.db)) {
        const left = `staging/${run}/`;
        if (!open.has(left)) await store.transaction((trx) => forgetRepositories(trx, left));
      }
    },
  };
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
