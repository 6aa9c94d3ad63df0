import type { Place } from "../../core/index.ts";
import type { ContainerConfig, Descriptor, Digest, HistoryEntry, ImageConfig } from "../../oci/index.ts";
import type { TarEntry } from "../layers/tar.ts";
import { copyOfTree, emptyTree, type ImageTree } from "./image-tree.ts";

/** A layer of the base as it is, or members of one to be written if the stage becomes the image. */
export type DraftLayer =
  | { readonly kind: "base"; readonly descriptor: Descriptor; readonly diffId: Digest }
  | { readonly kind: "own"; readonly entries: readonly TarEntry[]; readonly place: Place };

export interface BaseUsed {
  readonly reference: string;
  readonly digest: Digest;
}

/** A stage while its instructions are carried out. */
export interface Draft {
  config: ContainerConfig;
  readonly layers: DraftLayer[];
  readonly history: HistoryEntry[];
  readonly tree: ImageTree;
  /** ARGs declared so far; a stage made FROM this one has them too (Docker). */
  readonly scope: Map<string, string>;
  /** Whether this stage has a CMD of its own: ENTRYPOINT clears only one that was inherited. */
  setCmd: boolean;
  /** The base's configuration: members that nobody here knows are kept. */
  original: Partial<ImageConfig>;
  /** Docker media types, following the base. */
  readonly docker: boolean;
  readonly base: BaseUsed | undefined;
}

/** BuildKit and buildah give an image FROM scratch this search path. */
export const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function emptyDraft(windows: boolean): Draft {
  return {
    config: windows ? {} : { Env: [`PATH=${usualPath}`] },
    layers: [],
    history: [],
    tree: emptyTree(windows),
    scope: new Map(),
    setCmd: false,
    original: {},
    docker: false,
    base: undefined,
  };
}

/** FROM an earlier stage: what follows changes nothing of that stage. */
export function continued(draft: Draft): Draft {
  return {
    ...draft,
    layers: [...draft.layers],
    history: [...draft.history],
    tree: copyOfTree(draft.tree),
    scope: new Map(draft.scope),
    setCmd: false,
  };
}
