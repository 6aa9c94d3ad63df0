import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { must, systemClock } from "../src/core/index.ts";
import { createGit } from "../src/git/index.ts";

export interface CheckoutFigures {
  readonly oursMs: number;
  readonly scriptMs: number;
}

interface Shape {
  readonly commits: number;
  readonly files: number;
}

const rounds = 8;

/**
 * A change merged with its base, mirror warm: ours against the contract's own command sequence (Prow 4.1), run by a shell
 * script that fetches from the same mirror by its path.
 */
export async function measureCheckout(folder: string, shape: Shape): Promise<CheckoutFigures> {
  const root = mkdtempSync(join(folder, "fairlead-checkout-"));
  const upstream = join(root, "upstream.git");
  mkdirSync(upstream);
  const git = (...args: string[]) => execFileSync("git", ["-C", upstream, ...args], { encoding: "utf8" }).trim();
  git("init", "-q", "--bare", "-b", "main");
  execFileSync("git", ["-C", upstream, "fast-import", "--quiet"], { input: history(shape) });
  const base = git("rev-parse", "refs/heads/main");
  const head = git("rev-parse", "refs/pull/1/head");
  const room = createGit({ root: join(root, "git"), clock: systemClock });
  const repository = await room.open("bench");
  must(await room.adopt(repository, `file://${upstream}`, () => {}));
  execFileSync("git", ["-C", repository.directory, "fetch", "-q", upstream, `${head}:refs/pull/1/head`], {
    env: { ...process.env, GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" },
  });
  const pulls = [{ number: 1, author: "b", sha: head }];
  const refs = { org: "b", repo: "bench", base_ref: "main", base_sha: base, pulls };
  let n = 0;
  const ours = async () => {
    const directory = join(root, `ours-${++n}`);
    const started = performance.now();
    must(
      await room.checkoutJob({
        root: directory,
        refs: [refs],
        componentOf: () => ({ name: "bench", url: `file://${upstream}` }),
        limits: { files: 100_000, bytes: 1e9 },
      }),
    );
    const took = performance.now() - started;
    rmSync(directory, { recursive: true });
    return took;
  };
  const script = () => {
    const directory = join(root, `script-${++n}`);
    mkdirSync(directory);
    const started = performance.now();
    execFileSync("/bin/sh", ["-e", "-c", contract], {
      cwd: directory,
      env: { PATH: process.env["PATH"], HOME: root, MIRROR: repository.directory, BASE: base, HEAD: head, TZ: "UTC" },
      stdio: "ignore",
    });
    const took = performance.now() - started;
    rmSync(directory, { recursive: true });
    return took;
  };
  await ours();
  script();
  const mine: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    mine.push(await ours());
    theirs.push(script());
  }
  room.close();
  rmSync(root, { recursive: true, force: true });
  return { oursMs: median(mine), scriptMs: median(theirs) };
}

const contract = [
  "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'",
  "git init -q -b none",
  "git config user.name ci-robot",
  "git config user.email ci-robot@k8s.io",
  'git fetch -q "file://$MIRROR" --tags --prune',
  'git fetch -q "file://$MIRROR" main',
  'git checkout -q "$BASE"',
  'git branch --force main "$BASE"',
  "git checkout -q main",
  "time=$(git show -s --format=format:%ct HEAD)",
  'git fetch -q "file://$MIRROR" refs/pull/1/head',
  'GIT_AUTHOR_DATE="$((time + 1))" GIT_COMMITTER_DATE="$((time + 1))" git merge -q --no-ff "$HEAD"',
  "git submodule update -q --init --recursive",
  "git rev-parse HEAD",
].join("\n");

/** A line of commits, each changing one file of a tree of the given size, and a change that left it ten commits ago. */
function history({ commits, files }: Shape): string {
  const parts: string[] = [];
  const commit = (ref: string, mark: number, from: number | undefined, changes: readonly string[]) => {
    const message = `commit ${mark}`;
    parts.push(
      `commit ${ref}\nmark :${mark}\ncommitter b <b@b> ${1_600_000_000 + mark * 60} +0000\ndata ${message.length}\n${message}\n`,
      ...(from === undefined ? [] : [`from :${from}\n`]),
      ...changes,
      "\n",
    );
  };
  const write = (file: number, text: string) =>
    `M 100644 inline d${file % 50}/f${file}.txt\ndata ${text.length}\n${text}\n`;
  commit(
    "refs/heads/main",
    1,
    undefined,
    Array.from({ length: files }, (_, file) => write(file, `file ${file}\n`.repeat(20))),
  );
  for (let mark = 2; mark <= commits; mark++)
    commit("refs/heads/main", mark, mark - 1, [write(mark % Math.floor(files / 2), `changed by ${mark}\n`)]);
  const fork = Math.max(1, commits - 10);
  commit("refs/pull/1/head", commits + 1, fork, [write(files - 1, "the change\n")]);
  return parts.join("");
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
