import type { Result } from "../core/index.ts";
import type { Component, ReleaseConfiguration } from "../family/index.ts";
import type { Repository } from "../git/index.ts";
import type { Known, PlacedPin } from "../policy/index.ts";
import type { Contents } from "./contents.ts";

/** Files of a revision, as the readers of configurations want them. */
interface RevisionFiles {
  read(path: string): Promise<string | undefined>;
  list(prefix: string): Promise<readonly string[]>;
}

/** What reading a tag's history needs to know of the family around it. */
export interface HistorySources {
  readonly component: Component;
  readonly repository: Repository;
  readonly configurationOf: (files: RevisionFiles, component: Component) => Promise<Result<ReleaseConfiguration>>;
  /** Whose image this is; `undefined`: nobody's of the family. */
  readonly owners: () => Promise<
    (image: { readonly name: string; readonly tag: string | undefined }) => string | undefined
  >;
  /** The repository of a shared component, and the branch it is copied from. */
  readonly sharedRepository: (
    component: string,
  ) => Promise<Known<{ readonly repository: Repository; readonly branch: string }>>;
  readonly memory: HistoryMemory;
}

/** What was read from objects that never change, by object id. Bounded: each kind is dropped when it is full. */
export interface HistoryMemory {
  readonly pins: Map<string, Known<readonly PlacedPin[]>>;
  readonly rbac: Map<string, Known<readonly string[]>>;
  readonly contents: Map<string, Promise<Contents>>;
}

const mostKept = 5000;

export function createHistoryMemory(): HistoryMemory {
  return { pins: new Map(), rbac: new Map(), contents: new Map() };
}

/** Puts a value into a memory that is emptied when it is full. */
export function remember<T>(memory: Map<string, T>, key: string, value: T): T {
  if (memory.size >= mostKept) memory.clear();
  memory.set(key, value);
  return value;
}
