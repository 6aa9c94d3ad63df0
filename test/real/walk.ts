import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { RunRow } from "../fixtures/served-family.ts";
import type { RealFamily } from "./real-family.ts";

/** A working copy of a component, and what people do in it. */
export interface WorkingCopy {
  readonly component: string;
  readonly folder: string;
  /** On top of a branch as it is now. */
  on(branch: string): Promise<void>;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  edit(path: string, change: (text: string) => string): Promise<void>;
}

export async function workingCopy(family: RealFamily, component: string): Promise<WorkingCopy> {
  const folder = await family.step(`${component}: git clone`, () => family.clone(component));
  const write = async (files: Readonly<Record<string, string>>) => {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
  };
  return {
    component,
    folder,
    write,
    on: async (branch) => {
      await family.git(folder, "fetch", "-q", "origin");
      const reset = await family.git(folder, "checkout", "-q", "--detach", "-f", `origin/${branch}`);
      if (reset.code !== 0) throw new Error(reset.stderr);
    },
    edit: async (path, change) => {
      const text = await readFile(join(folder, path), "utf8");
      const changed = change(text);
      if (changed === text) throw new Error(`${component}: nothing to change in ${path}`);
      await write({ [path]: changed });
    },
  };
}

/** Commits what stands in the working copy, proposes it against the branch, or as the next state of a change. */
export async function propose(
  family: RealFamily,
  copy: WorkingCopy,
  target: { readonly branch: string } | { readonly change: number },
  title: string,
): Promise<{ readonly number: number; readonly said: string }> {
  await family.git(copy.folder, "add", "-A");
  await family.git(copy.folder, "commit", "-q", "--allow-empty", "-m", title);
  const ref = "branch" in target ? `refs/for/${target.branch}` : `refs/changes/${target.change}`;
  const pushed = await family.git(copy.folder, "push", "origin", `HEAD:${ref}`);
  const number = Number(/Change (\d+) /.exec(pushed.stderr)?.[1] ?? 0);
  if (pushed.code !== 0 || number === 0) throw new Error(pushed.stderr);
  return { number, said: pushed.stderr };
}

/** The runs of a change's newest head, each at its end. */
export async function runsOfChange(family: RealFamily, component: string, number: number): Promise<readonly RunRow[]> {
  return await ended(family, `/runs?component=${component}&change=${number}`, (row) => row.type === "presubmit");
}

export async function greenChange(family: RealFamily, component: string, number: number): Promise<void> {
  await family.step(`${component}#${number}: tested merged with its base`, async () => {
    const [run] = await runsOfChange(family, component, number);
    await expectGreen(family, run);
  });
}

/** Merges and waits for the branch build of what came of it. Answers the commit. */
export async function land(family: RealFamily, component: string, number: number): Promise<string> {
  const merged = await family.fairlead("merge", component, String(number), "--json");
  if (merged.code !== 0) throw new Error(merged.stderr + merged.stdout);
  const { commit }: { commit: string } = JSON.parse(merged.stdout);
  await family.step(`${component}#${number}: merged, and its branch built`, async () => {
    const [run] = await ended(
      family,
      `/runs?component=${component}`,
      (row) => row.type === "postsubmit" && row.refs.base_sha === commit,
    );
    await expectGreen(family, run);
  });
  return commit;
}

export interface Released {
  readonly code: number;
  readonly said: string;
  readonly state: string | undefined;
  readonly images: readonly { readonly name: string; readonly digest: string | null; readonly platforms: unknown }[];
}

/** `fairlead release`, followed to its end. */
export async function release(family: RealFamily, component: string, version: string): Promise<Released> {
  return await family.step(`${component}: released as ${version}`, async () => {
    const done = await family.fairlead("release", component, version, "--yes");
    const { items } = await family.api<{ items: (Released & { version: string })[] }>(
      `/releases?component=${component}`,
    );
    const row = items.find((each) => each.version === version);
    if (row?.state === "failed") await tellLog(family, component);
    return { code: done.code, said: done.stderr + done.stdout, state: row?.state, images: row?.images ?? [] };
  });
}

/** Digest and commit of the newest canary of every image of the component. */
export async function canaries(
  family: RealFamily,
  component: string,
): Promise<readonly { readonly image: string; readonly commit: string; readonly tag: string }[]> {
  const { items } = await family.api<{ items: { image: string; commit: string; tag: string }[] }>(
    `/components/${component}/canaries`,
  );
  return items;
}

/** Follows the runs that match to their ends; the newest first. */
async function ended(family: RealFamily, path: string, matches: (row: RunRow) => boolean): Promise<readonly RunRow[]> {
  const find = async () => (await family.api<{ items: RunRow[] }>(path)).items.filter(matches);
  const [newest] = await family.until(`a run of ${path}`, async () => {
    const rows = await find();
    return rows.length > 0 ? rows : undefined;
  });
  await family.fairlead("logs", newest?.id ?? "", "-f");
  return await family.until(`the end of a run of ${path}`, async () => {
    const rows = await find();
    return rows[0] !== undefined && rows[0].finished !== null ? rows : undefined;
  });
}

async function expectGreen(family: RealFamily, run: RunRow | undefined): Promise<void> {
  if (run?.state === "success") return;
  const log = await family.fairlead("logs", run?.id ?? "");
  throw new Error(`${run?.component} ${run?.type} ${run?.state}: ${run?.description}\n${log.stdout.slice(-6000)}`);
}

async function tellLog(family: RealFamily, component: string): Promise<void> {
  const { items } = await family.api<{ items: RunRow[] }>(`/runs?component=${component}`);
  const log = await family.fairlead("logs", items[0]?.id ?? "");
  console.log(log.stdout.slice(-6000));
}
