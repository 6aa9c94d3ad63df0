import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fixedFolderOf, pathPattern, readPins } from "../../config/index.ts";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { Family } from "../../family/index.ts";
import type { Repository } from "../../git/index.ts";
import { walkFolder } from "../../history/index.ts";
import type { PinnedComponent, PinSet } from "../pin-sets/model.ts";
import { rbacFileOf } from "./deploy-environment.ts";
import { renderManifest } from "./render-manifests.ts";

const largestManifest = 4 * 1024 * 1024;

/** Everything here is read from git objects, at the commits of the pin set, and written where a job only reads. */
export interface FileSources {
  readonly family: Family;
  /** The repository that has the commit of a component of the set. */
  readonly repositoryOf: (component: PinnedComponent) => Promise<Repository>;
  /** Written below it, on the host. */
  readonly folder: string;
  readonly registry: string;
}

/** Writes the roles of every component below `rbac/`; answers the files by the names of the script's variables. */
export async function writeRoles(
  sources: FileSources,
  set: PinSet,
  inside: string,
): Promise<Result<Readonly<Record<string, string>>>> {
  const files: Record<string, string> = {};
  for (const component of set.components) {
    const repository = await sources.repositoryOf(component);
    const listed = await repository.listFiles(component.commit, "deploy");
    const set = settings(sources.family, component)?.rbac ?? {};
    const wanted: Record<string, string> = {};
    for (const image of component.images) {
      const found = rbacFileOf(image.name, listed);
      if (found !== undefined) wanted[image.name] = found;
    }
    for (const [name, path] of Object.entries({ ...wanted, ...set })) {
      const text = await repository.readFile(component.commit, path, largestManifest);
      if (text === undefined) return err(missingFile(component, path, `components.${component.component}.e2e.rbac`));
      const file = join("rbac", component.component, basename(path));
      await write(sources.folder, file, text);
      files[name] = join(inside, file);
    }
  }
  return ok(files);
}

/** Writes what must be there before the deployment, in order, below `before/`; answers how many files that are. */
export async function writePrerequisites(sources: FileSources, set: PinSet): Promise<Result<number>> {
  let count = 0;
  for (const component of set.components) {
    const patterns = settings(sources.family, component)?.before ?? [];
    const repository = await sources.repositoryOf(component);
    for (const glob of patterns) {
      const pattern = pathPattern(glob);
      if (!pattern.ok) return pattern;
      const listed = await repository.listFiles(component.commit, fixedFolderOf(glob));
      const found = listed
        .filter((path) => pattern.value.matches(path) && basename(path) !== "kustomization.yaml")
        .sort();
      if (found.length === 0) return err(missingFile(component, glob, `components.${component.component}.e2e.before`));
      for (const path of found) {
        const rendered = await render(sources, set, repository, component.commit, path, path);
        if (!rendered.ok) return rendered;
        count += 1;
        await write(
          sources.folder,
          join("before", `${String(count).padStart(4, "0")}-${basename(path)}`),
          rendered.value,
        );
      }
    }
  }
  return ok(count);
}

/** Writes the deployment's manifests with the images of the set, below `manifests/`. */
export async function writeManifests(
  sources: FileSources,
  set: PinSet,
  deployment: { readonly repository: Repository; readonly commit: string },
  folder: string,
  driver: string | undefined,
): Promise<Result<number>> {
  // From its parent on, since the folder itself may be a link to another version's.
  const walked = await walkFolder(deployment.repository, deployment.commit, parentOf(folder));
  if ("unknown" in walked) return err(fault("bad-input", walked.unknown));
  const found = walked.files
    .filter(({ path }) => folder === "" || path.startsWith(`${folder}/`))
    .filter(({ path }) => /\.(ya?ml|json)$/.test(path) && !["kustomization.yaml", driver].includes(basename(path)))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const [index, { path, file }] of found.entries()) {
    const rendered = await render(sources, set, deployment.repository, deployment.commit, file, path);
    if (!rendered.ok) return rendered;
    await write(
      sources.folder,
      join("manifests", `${String(index).padStart(4, "0")}-${basename(path)}`),
      rendered.value,
    );
  }
  if (found.length === 0) return err(fault("not-found", `${folder} has no manifests`));
  return ok(found.length);
}

async function render(
  sources: FileSources,
  set: PinSet,
  repository: Repository,
  commit: string,
  file: string,
  shown: string,
): Promise<Result<string>> {
  const text = await repository.readFile(commit, file, largestManifest);
  if (text === undefined) return err(fault("limit", `${shown} is larger than ${largestManifest / 1024 ** 2} MiB`));
  const places = readPins(shown, text);
  return places.ok ? ok(renderManifest(text, places.value, set, sources.registry)) : places;
}

function parentOf(folder: string): string {
  return folder.includes("/") ? folder.slice(0, folder.lastIndexOf("/")) : "";
}

function settings(family: Family, component: PinnedComponent) {
  return family.components.find((each) => each.name === component.component)?.e2e;
}

function missingFile(component: PinnedComponent, path: string, key: string) {
  return fault("not-found", `${component.component} at ${component.commit.slice(0, 7)} has no ${path}`, {
    hint: `${key} of the family file names it`,
  });
}

async function write(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
}
