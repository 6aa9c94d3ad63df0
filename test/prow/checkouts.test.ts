import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, systemClock } from "../../src/core/index.ts";
import { createGit, type Repository } from "../../src/git/index.ts";
import type { Refs } from "../../src/jobs/index.ts";
import { run } from "../fixtures/programs.ts";
import { prowPrograms, publicRepositories, recordedFacts, repositoryIn } from "./places.ts";

/** A checkout that clonerefs made once. */
interface Recorded {
  readonly repository: string;
  readonly base_ref: string;
  readonly base_sha: string;
  readonly pulls: readonly { readonly number: number; readonly sha: string }[];
  readonly failed: boolean;
  readonly final_sha?: string;
  readonly tree?: string;
  readonly branch?: string;
  readonly conflicting_files?: readonly string[];
}

const facts = recordedFacts();
const repositories = publicRepositories();
const programs = prowPrograms("clonerefs");
const lacks = facts.lacks || repositories.lacks;
const test = lacks === "" ? it : it.skip;
const beside = repositories.lacks === "" && programs.lacks === "" ? it : it.skip;

let root: string;
let git: ReturnType<typeof createGit>;
const adopted = new Map<string, Repository>();

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "fairlead-checkouts-"));
  git = createGit({ root: join(root, "git"), clock: systemClock });
});
afterAll(async () => {
  git.close();
  await rm(root, { recursive: true, force: true });
});

const mirrorOf = (name: string) => repositoryIn(repositories.folder ?? "", name) ?? "";

async function mirrored(name: string): Promise<void> {
  if (adopted.has(name)) return;
  const repository = await git.open(name.replace("/", "-"));
  must(await git.adopt(repository, `file://${mirrorOf(name)}`, () => {}));
  adopted.set(name, repository);
}

function refsOf({ repository, base_ref, base_sha, pulls }: Recorded): Refs {
  const [org = "", repo = ""] = repository.split("/");
  return { org, repo, base_ref, base_sha, pulls: pulls.map((pull) => ({ ...pull, author: "" })) };
}

let checkouts = 0;

async function checkOut(recorded: Recorded) {
  await mirrored(recorded.repository);
  const folder = join(root, `ours-${++checkouts}`);
  const done = await git.checkoutJob({
    root: folder,
    refs: [refsOf(recorded)],
    componentOf: () => ({ name: recorded.repository.replace("/", "-"), url: "https://example.invalid/x" }),
    limits: { files: 200_000, bytes: 4e9 },
  });
  return { done, folder, tree: join(folder, "src/github.com", recorded.repository) };
}

describe("a checkout of a public repository", () => {
  test(`is what clonerefs made, commit and tree, or names the files in conflict${lacks}`, async () => {
    const all: readonly Recorded[] = JSON.parse(
      await readFile(join(facts.folder ?? "", "golden/checkouts.json"), "utf8"),
    );
    expect(all).toHaveLength(14);
    for (const recorded of all) {
      const { done, folder, tree } = await checkOut(recorded);
      if (recorded.failed) {
        expect(done.ok, recorded.repository).toBe(false);
        if (!done.ok)
          expect([...(done.error.conflicts ?? [])].sort()).toEqual([...(recorded.conflicting_files ?? [])].sort());
      } else {
        const made = must(done).trees[0];
        expect([made?.finalSha, made?.tree], recorded.repository).toEqual([recorded.final_sha, recorded.tree]);
        expect((await seenIn(tree)).branch).toBe(recorded.branch);
      }
      await rm(folder, { recursive: true, force: true });
    }
  });

  beside.each([
    "external-attacher",
    "node-driver-registrar",
    "csi-driver-host-path",
    "livenessprobe",
    "external-resizer",
  ])(
    `is what clonerefs makes beside it, for two more changes of %s${repositories.lacks || programs.lacks}`,
    async (name) => {
      const changes = await pastChanges(`kubernetes-csi/${name}`);
      expect(changes).toHaveLength(2);
      for (const recorded of changes) {
        const { done, folder, tree } = await checkOut(recorded);
        const theirs = await cloneRefs(recorded);
        expect(must(done).trees[0]?.finalSha, JSON.stringify(recorded)).toBe(theirs.finalSha);
        expect(await seenIn(tree)).toEqual(await seenIn(theirs.tree));
        const differing = await run("diff", ["-r", "-q", "--no-dereference", "--exclude=.git", tree, theirs.tree]);
        expect([differing.code, differing.stdout]).toEqual([0, ""]);
        await Promise.all([folder, theirs.folder].map((path) => rm(path, { recursive: true, force: true })));
      }
    },
  );
});

/** What a job sees of the repository by git. */
async function seenIn(folder: string) {
  const ask = async (...args: string[]) => {
    const answer = await run("git", ["-C", folder, ...args], {
      env: {
        PATH: process.env["PATH"],
        GIT_CONFIG_COUNT: "1",
        GIT_CONFIG_KEY_0: "safe.directory",
        GIT_CONFIG_VALUE_0: "*",
      },
    });
    if (answer.code !== 0) throw new Error(answer.stderr);
    return answer.stdout.trim();
  };
  return {
    head: await ask("rev-parse", "HEAD"),
    tree: await ask("rev-parse", "HEAD^{tree}"),
    branch: await ask("symbolic-ref", "--short", "HEAD"),
    branches: await ask("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"),
    tags: await ask("for-each-ref", "--format=%(refname) %(objectname)", "refs/tags"),
    remotes: await ask("for-each-ref", "refs/remotes"),
    changed: await ask("status", "--porcelain"),
    described: await ask("describe", "--tags", "--always"),
    author: await ask("log", "-1", "--format=%an %ae %at %cn %ce %ct %s"),
    history: await ask("rev-list", "--count", "HEAD"),
  };
}

/** Two merges of a repository as they were before: their first parent is the base, their second the change. */
async function pastChanges(repository: string): Promise<readonly Recorded[]> {
  const args = ["log", "--merges", "--first-parent", "--format=%P %s", "HEAD"];
  const listed = await run("git", ["-C", mirrorOf(repository), ...args]);
  const merges = listed.stdout.split("\n").flatMap((line) => {
    const found = /^([0-9a-f]{40}) ([0-9a-f]{40}) Merge pull request #(\d+)/.exec(line);
    return found ? [{ base: found[1] ?? "", head: found[2] ?? "", number: Number(found[3]) }] : [];
  });
  return [0.3, 0.7].flatMap((part) => {
    const merge = merges[Math.floor(merges.length * part)];
    if (!merge) return [];
    const pulls = [{ number: merge.number, sha: merge.head }];
    return [{ repository, base_ref: "master", base_sha: merge.base, pulls, failed: false }];
  });
}

async function cloneRefs(recorded: Recorded) {
  const folder = join(root, `theirs-${checkouts}`);
  await mkdir(folder);
  const refs = { ...refsOf(recorded), clone_uri: `file://${mirrorOf(recorded.repository)}` };
  const log = join(folder, "clone.json");
  const options = { src_root: folder, log, git_user_name: "ci-robot", git_user_email: "ci-robot@k8s.io", refs: [refs] };
  const done = await run(join(programs.folder ?? "", "clonerefs"), [], {
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      CLONEREFS_OPTIONS: JSON.stringify(options),
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
    },
    timeout: 300_000,
  });
  if (done.code !== 0) throw new Error(done.stderr);
  const records: readonly { readonly final_sha?: string; readonly failed?: boolean; readonly refs: Refs }[] =
    JSON.parse(await readFile(log, "utf8"));
  const record = records.find((each) => each.refs.repo !== "");
  if (record?.failed === true) throw new Error(JSON.stringify(record));
  return { finalSha: record?.final_sha, folder, tree: join(folder, "src/github.com", recorded.repository) };
}
