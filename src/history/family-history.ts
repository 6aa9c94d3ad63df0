import { readReleaseConfiguration } from "../config/index.ts";
import type { Component, Family } from "../family/index.ts";
import type { Repository } from "../git/index.ts";
import { testsInClusters } from "../jobs/index.ts";
import { createHistoryMemory, type HistoryMemory, type HistorySources } from "./sources.ts";

export interface FamilyHistoryOptions {
  readonly family: Family;
  /** Opens a component's repository; `undefined` where it was not read yet. */
  readonly open: (component: Component) => Promise<Repository | undefined>;
}

const memories = new WeakMap<Family, HistoryMemory>();
const here = { os: "linux", architecture: "amd64", variant: undefined, osVersion: undefined };

/** How to read the history of one component of a family. What was read is remembered as long as the family stays. */
export function familyHistory(
  options: FamilyHistoryOptions,
  component: Component,
  repository: Repository,
): HistorySources {
  const { family } = options;
  let memory = memories.get(family);
  if (!memory) {
    memory = createHistoryMemory();
    memories.set(family, memory);
  }
  let owners: Promise<ReadonlyMap<string, string>> | undefined;
  const configurationOf: HistorySources["configurationOf"] = (files, of) =>
    readReleaseConfiguration(files, of, {
      cluster: !testsInClusters(family) && family.kubernetes.cluster !== "none",
      here,
    });
  return {
    component,
    repository,
    configurationOf,
    memory,
    owners: async () => {
      owners ??= imageOwners(options, configurationOf);
      const known = await owners;
      return ({ name }) => known.get(name);
    },
    sharedRepository: async (name) => {
      const shared = family.components.find((each) => each.name === name);
      if (!shared) return { unknown: `${name} is no component of the family` };
      const there = await options.open(shared);
      const branch = shared.defaultBranch ?? (await there?.defaultBranch());
      return there && branch !== undefined
        ? { value: { repository: there, branch } }
        : { unknown: `the repository of ${name} was not read yet` };
    },
  };
}

/** Image names that the family file gives to a component, else those that its default branch builds. */
async function imageOwners(
  options: FamilyHistoryOptions,
  configurationOf: HistorySources["configurationOf"],
): Promise<ReadonlyMap<string, string>> {
  const owners = new Map<string, string>();
  for (const component of options.family.components) {
    for (const image of component.images ?? (await builtImages(options, component, configurationOf)))
      if (!owners.has(image)) owners.set(image, component.name);
  }
  return owners;
}

async function builtImages(
  options: FamilyHistoryOptions,
  component: Component,
  configurationOf: HistorySources["configurationOf"],
): Promise<readonly string[]> {
  const repository = await options.open(component);
  return repository ? await imagesOfHead(component, repository, configurationOf) : [];
}

async function imagesOfHead(
  component: Component,
  repository: Repository,
  configurationOf: HistorySources["configurationOf"],
): Promise<readonly string[]> {
  const branch = component.defaultBranch ?? (await repository.defaultBranch());
  const head = branch === undefined ? undefined : await repository.commitOf(`refs/heads/${branch}`);
  if (head === undefined) return [];
  const files = {
    read: (path: string) => repository.readFile(head, path),
    list: (prefix: string) => repository.listFiles(head, prefix),
  };
  const read = await configurationOf(files, component);
  return read.ok ? read.value.images.map((image) => image.name) : [];
}

/**
 * How to read a repository that belongs to no family: every image with a version is somebody else's component, and what
 * it copies from others cannot be compared.
 */
export function strangerHistory(component: Component, repository: Repository): HistorySources {
  const configurationOf: HistorySources["configurationOf"] = (files, of) =>
    readReleaseConfiguration(files, of, { cluster: true, here });
  let own: Promise<readonly string[]> | undefined;
  return {
    component,
    repository,
    memory: createHistoryMemory(),
    configurationOf,
    owners: async () => {
      own ??= imagesOfHead(component, repository, configurationOf);
      const owned = component.images ?? (await own);
      return ({ name, tag }) =>
        owned.includes(name) ? component.name : /^v\d|canary$/.test(tag ?? "") ? name : undefined;
    },
    sharedRepository: async () => ({ unknown: "without a family file it is not known what is shared" }),
  };
}
