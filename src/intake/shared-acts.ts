import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import { type Component, lineOfBranch, mayMaintain, type Principal } from "../family/index.ts";
import type { ObjectId, Repository } from "../git/index.ts";
import { judgeSharedFolder, type SharedFolderStanding } from "../policy/index.ts";
import { type FactSources, maintainersOf } from "./facts.ts";
import type { Intake } from "./intake.ts";
import { proposeOnce } from "./propose.ts";

export interface SharedActsOptions extends FactSources {
  readonly clock: Clock;
  readonly intake: Intake;
  /** `shared` of `.fairlead.yaml` at a commit: folder -> internal component. */
  readonly configuredFolders: (component: string, commit: ObjectId) => Promise<Readonly<Record<string, string>>>;
}

export interface SharedFolder extends SharedFolderStanding {
  readonly component: string;
  readonly branch: string;
  /** Merges of the internal component that the copy lacks; null when it cannot be told. */
  readonly behind: number | null;
}

export type SharedUpdate = { readonly component: string; readonly branch: string; readonly folder: string } & (
  | { readonly number: number; readonly state: "opened" | "updated" | "unchanged" }
  | { readonly refused: string; readonly hint: string | undefined }
);

/** Folders that are copies of an internal component, made by git subtree. Faults: `not-found`, `forbidden`. */
export interface SharedActs {
  /** The head of a component's default branch with its copy of an internal component at one of its commits. Moves no ref. */
  withCopy(
    user: Component,
    internal: string,
    commit: ObjectId,
  ): Promise<Result<{ readonly branch: string; readonly commit: ObjectId }>>;
  /** On the default branch and each maintenance branch of every component, or of one. */
  list(component: string | undefined): Promise<Result<readonly SharedFolder[]>>;
  /** Opens, or brings up to date, one change for each folder that is behind; a folder changed by hand is left alone. */
  update(component: string | undefined, by: Principal): Promise<Result<readonly SharedUpdate[]>>;
}

/** Maintenance branches that are looked at, the newest lines first. */
const mostLines = 5;

export function createSharedActs(options: SharedActsOptions): SharedActs {
  const { clock } = options;

  interface Found {
    readonly component: Component;
    readonly repository: Repository;
    readonly head: ObjectId;
    readonly source: Repository;
    readonly newest: { readonly commit: ObjectId; readonly tree: ObjectId };
    /** Commit of this history that recorded the last pull. */
    readonly squash: ObjectId | undefined;
    readonly shown: SharedFolder;
  }

  function wanted(name: string | undefined): Result<readonly Component[]> {
    const { components } = options.family();
    if (name === undefined) return ok(components);
    const component = components.find((candidate) => candidate.name === name);
    return component ? ok([component]) : err(fault("not-found", `there is no component ${name}`));
  }

  async function find(component: Component): Promise<readonly Found[]> {
    const repository = await options.git.open(component.name);
    const refs = await repository.refs();
    const main = component.defaultBranch ?? (await repository.defaultBranch());
    const lines = refs
      .map((ref) => ref.name.replace(/^refs\/heads\//, ""))
      .filter((branch) => lineOfBranch(branch) !== undefined)
      .sort((a, b) => b.localeCompare(a, "en", { numeric: true }))
      .slice(0, mostLines);
    const found: Found[] = [];
    for (const branch of [...(main === undefined ? [] : [main]), ...lines]) {
      const head = await repository.commitOf(`refs/heads/${branch}`);
      if (head !== undefined) found.push(...(await foldersAt(component, repository, branch, head)));
    }
    return found;
  }

  async function foldersAt(
    component: Component,
    repository: Repository,
    branch: string,
    head: ObjectId,
  ): Promise<readonly Found[]> {
    const recorded = await repository.subtrees(head);
    const pulls = recorded.ok ? recorded.value : [];
    const configured = await options.configuredFolders(component.name, head);
    const folders = [...new Set([...Object.keys(configured), ...pulls.map((pull) => pull.folder)])].sort();
    const found: Found[] = [];
    for (const folder of folders.slice(0, 20)) {
      const mine = pulls.filter((pull) => pull.folder === folder);
      const source = await sourceOf(component, configured[folder], mine[0]?.split);
      if (!source) continue;
      const known = [];
      for (const { split } of mine) {
        const there = (await source.repository.commitOf(split)) !== undefined;
        known.push({ split, tree: there ? await source.repository.treeOf(split) : undefined });
      }
      const standing = judgeSharedFolder({
        folder,
        from: source.name,
        tree: await repository.folderOf(head, folder),
        pulls: known,
        newest: source.newest,
      });
      const copied = standing.pristine === undefined ? undefined : standing.commit;
      const behind = copied === undefined ? null : await source.repository.mergesBetween(copied, source.newest.commit);
      const shown = { component: component.name, branch, behind, ...standing };
      const squash = mine[0]?.squash;
      found.push({ component, repository, head, source: source.repository, newest: source.newest, squash, shown });
    }
    return found;
  }

  /** Said in the file, or, by convention, the internal component that has the commit which was pulled. */
  async function sourceOf(component: Component, named: string | undefined, split: ObjectId | undefined) {
    const internal = options
      .family()
      .components.filter((each) => each.kind === "internal" && each.name !== component.name);
    for (const candidate of internal) {
      if (named !== undefined && candidate.name !== named) continue;
      const repository = await options.git.open(candidate.name);
      if (named === undefined && (split === undefined || (await repository.commitOf(split)) === undefined)) continue;
      const main = candidate.defaultBranch ?? (await repository.defaultBranch());
      const commit = main === undefined ? undefined : await repository.commitOf(`refs/heads/${main}`);
      if (commit === undefined) continue;
      return { name: candidate.name, repository, newest: { commit, tree: await repository.treeOf(commit) } };
    }
    return undefined;
  }

  async function updateOne(found: Found, by: Principal): Promise<SharedUpdate | undefined> {
    const { component, repository, newest, shown } = found;
    const { folder, branch, from } = shown;
    const where = { component: component.name, branch, folder };
    if (shown.current) return undefined;
    if (shown.pristine !== true)
      return { ...where, refused: shown.reason, hint: `bring its changes to ${from} first, or put the copy back` };
    const merge = await pulled(found, newest, { name: by.user, email: `${by.user}@fairlead.invalid` });
    if (!merge.ok) return { ...where, refused: merge.error.message, hint: merge.error.hint };
    const proposed = await proposeOnce(options, repository, {
      component,
      base: branch,
      head: merge.value,
      by,
      purpose: `shared:${folder}`,
    });
    return proposed.ok
      ? { ...where, ...proposed.value }
      : { ...where, refused: proposed.error.message, hint: proposed.error.hint };
  }

  /** The commit that `git subtree pull --squash` would make of it. */
  async function pulled(
    found: Found,
    newest: Found["newest"],
    author: { readonly name: string; readonly email: string },
  ): Promise<Result<ObjectId>> {
    const { repository, head, shown } = found;
    const { folder, branch, from } = shown;
    const tree = await repository.withFolder(head, folder, newest.tree, found.source);
    if (!tree.ok) return tree;
    const at = clock.now();
    const short = (id: ObjectId) => id.slice(0, 8);
    const range = shown.commit === undefined ? "" : `${short(shown.commit)}..`;
    // The shape of `git subtree pull --squash`, whose trailers its users and their scripts read.
    const squash = await repository.commitTree({
      tree: newest.tree,
      parents: found.squash === undefined ? [] : [found.squash],
      message: `Squashed '${folder}/' changes from ${range}${short(newest.commit)}\n\n${await subjects(found, newest.commit)}git-subtree-dir: ${folder}\ngit-subtree-split: ${newest.commit}\n`,
      author,
      at,
    });
    const message = `Update ${folder} to ${from} ${short(newest.commit)} on ${branch}\n`;
    return ok(await repository.commitTree({ tree: tree.value, parents: [head, squash], message, author, at }));
  }

  async function subjects(found: Found, newest: ObjectId): Promise<string> {
    if (found.shown.commit === undefined) return "";
    const landed = await found.source.landed(found.shown.commit, newest, 50);
    if (!landed.ok || landed.value.length === 0) return "";
    return `${landed.value.map((each) => `${each.commit.slice(0, 8)} ${each.subject}`).join("\n")}\n\n`;
  }

  return {
    withCopy: async (user, internal, commit) => {
      const repository = await options.git.open(user.name);
      const branch = user.defaultBranch ?? (await repository.defaultBranch()) ?? "main";
      const head = await repository.commitOf(`refs/heads/${branch}`);
      const folders = head === undefined ? [] : await foldersAt(user, repository, branch, head);
      const found = folders.find((each) => each.shown.from === internal);
      if (!found)
        return err(
          fault("refused", `${user.name} has no copy of ${internal} on ${branch}`, {
            hint: `name its folder under shared: of .fairlead.yaml, or take ${user.name} out of testedIn`,
          }),
        );
      const newest = { commit, tree: await found.source.treeOf(commit) };
      const made = await pulled(found, newest, { name: "fairlead", email: "fairlead@fairlead.invalid" });
      return made.ok ? ok({ branch, commit: made.value }) : made;
    },
    list: async (name) => {
      const components = wanted(name);
      if (!components.ok) return components;
      const all: SharedFolder[] = [];
      for (const component of components.value) all.push(...(await find(component)).map((found) => found.shown));
      return ok(all);
    },
    update: async (name, by) => {
      const components = wanted(name);
      if (!components.ok) return components;
      const mine = components.value.filter((component) => mayMaintain(by, component));
      if (mine.length === 0)
        return err(
          fault("forbidden", `${by.user} may not open these changes`, {
            hint: `${maintainersOf(components.value[0])} may`,
          }),
        );
      const updates: SharedUpdate[] = [];
      for (const component of mine)
        for (const found of await find(component)) {
          const update = await updateOne(found, by);
          if (update) updates.push(update);
        }
      return ok(updates);
    },
  };
}
