import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { must, systemClock } from "../src/core/index.ts";
import { borrowRepository } from "../src/git/index.ts";
import { pastTags, strangerHistory, tagHistory } from "../src/history/index.ts";
import { policyFor, preflight, replay } from "../src/policy/index.ts";
import { historyAt, type Step } from "../test/fixtures/git-history.ts";
import { sampleComponent } from "../test/fixtures/sample-model.ts";
import { sampleTag } from "../test/fixtures/sample-tag.ts";

export interface ReplayFigures {
  readonly tags: number;
  readonly seconds: number;
  /** One tag of a repository of 8,000 files and 5,000 commits: first, and again while nothing moved. */
  readonly coldMs: number;
  readonly warmMs: number;
}

const repositories = 8;
const tagsEach = 50;
const policy = policyFor({ all: {}, byComponent: {} }, "");

/** Tags of eight repositories replayed one after the other, and one preflight; git's own work included. */
export async function measureReplay(folder: string): Promise<ReplayFigures> {
  const root = mkdtempSync(join(folder, "fairlead-replay-"));
  try {
    for (let n = 0; n < repositories; n++) historyAt(root, `r${n}`, history(2000, 1500, tagsEach));
    const begun = performance.now();
    let tags = 0;
    for (let n = 0; n < repositories; n++) {
      const borrowed = must(await borrowRepository(join(root, `r${n}.git`), root, systemClock));
      const component = sampleComponent({ name: `r${n}`, kind: "deployment", images: undefined });
      const past = await pastTags(strangerHistory(component, borrowed.repository));
      if ("unknown" in past) throw new Error(past.unknown);
      tags += replay(past.value, policy).releases;
      await borrowed.close();
    }
    const seconds = (performance.now() - begun) / 1000;
    return { tags, seconds, ...(await onePreflight(root)) };
  } finally {
    rmSync(root, { recursive: true });
  }
}

async function onePreflight(root: string): Promise<{ coldMs: number; warmMs: number }> {
  const path = historyAt(root, "large", history(5000, 8000, tagsEach));
  const { repository, close } = must(await borrowRepository(path, root, systemClock));
  const history_ = strangerHistory(sampleComponent({ name: "large", kind: "deployment" }), repository);
  const head = (await repository.commitOf("refs/heads/main")) ?? "";
  const once = async () => {
    const begun = performance.now();
    const tags = (await repository.refs()).flatMap(({ name, commit }) =>
      name.startsWith("refs/tags/") ? [{ name: name.slice("refs/tags/".length), commit }] : [],
    );
    const containing = await repository.branchesContaining(head);
    const history = await tagHistory(history_, `v1.${tagsEach}.0`, head, tags);
    preflight({ ...sampleTag, tag: `v1.${tagsEach}.0`, commit: head, tags, containing, history }, policy);
    return performance.now() - begun;
  };
  const coldMs = await once();
  const again = [];
  for (let n = 0; n < 5; n++) again.push(await once());
  await close();
  return { coldMs, warmMs: again.sort((a, b) => a - b)[2] ?? 0 };
}

/** A deployment whose manifests, changelog and sources change, with a tag every so many commits. */
function history(commits: number, files: number, tags: number): readonly Step[] {
  const every = Math.floor(commits / tags);
  return Array.from({ length: commits }, (_, n): Step => {
    const minor = Math.floor(n / every);
    const release = n % every === every - 1;
    const all =
      n === 0 ? Object.fromEntries(Array.from({ length: files }, (__, f) => [`src/${f % 200}/${f}.go`, `${f}`])) : {};
    const dirs = ["1.34", "1.35", "1.36"];
    const pins = (dir: string, app: number) =>
      Array.from(
        { length: 5 },
        (__, i) => `- name: c${i}\n  image: r.example/${dir}/c${app}-${i}:v1.${minor}.0\n`,
      ).join("");
    const changed = release
      ? Object.fromEntries([
          ["CHANGELOG.md", `## v1.${minor}.0\n`],
          ...dirs.flatMap((dir) =>
            Array.from({ length: 6 }, (__, app) => [`deploy/${dir}/app${app}.yaml`, pins(dir, app)]),
          ),
        ])
      : {};
    return {
      branch: "main",
      files: {
        ...all,
        ...(n === 0 ? { ".fairlead.yaml": "test: 'true'\npins: ['deploy/**/*.yaml']\n" } : {}),
        [`src/${n % 200}/changed.go`]: `${n}`,
        ...changed,
      },
      ...(n === 0 ? { links: { "deploy/latest": "1.36" } } : {}),
      ...(release ? { tags: [`v1.${minor}.0`] } : {}),
      day: Math.floor(n / 10),
    };
  });
}
