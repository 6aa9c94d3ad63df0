import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readFamilyFile } from "../src/config/index.ts";
import { err, fault, must, systemClock, systemIds } from "../src/core/index.ts";
import { cageArguments } from "../src/execute/process/cage.ts";
import { createProcessExecutor } from "../src/execute/process/index.ts";
import { readMachine } from "../src/execute/process/machine.ts";
import { createGit } from "../src/git/index.ts";
import { createImageInspector, createLeftImages } from "../src/images/index.ts";
import { type Job, jobDefaults } from "../src/jobs/index.ts";
import { openFsBlobStore } from "../src/oci/index.ts";
import { createFsResultStore } from "../src/results/index.ts";
import { createSupervisor, type Run, stubSecrets } from "../src/runs/index.ts";

const files = 400;
const rounds = 30;

export interface NoOpFigures {
  readonly oursMs: number;
  readonly scriptMs: number;
  readonly perSecond: number;
}

/**
 * A run that does nothing: checkout of 400 files merged with one change, `true` in the cage, results stored. Beside it the
 * checkout contract's own commands and the same cage, run one after another by a shell script.
 */
export async function measureNoOpRun(folder: string): Promise<NoOpFigures> {
  const root = mkdtempSync(join(folder, "fairlead-bench-"));
  const upstream = join(root, "upstream");
  mkdirSync(upstream);
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", upstream, "-c", "user.name=b", "-c", "user.email=b@b", ...args], {
      encoding: "utf8",
    }).trim();
  git("init", "-q", "-b", "main");
  for (let n = 0; n < files; n++) {
    mkdirSync(join(upstream, `d${n % 20}`), { recursive: true });
    writeFileSync(join(upstream, `d${n % 20}`, `f${n}.txt`), `file ${n}\n`.repeat(40));
  }
  git("add", "-A");
  git("commit", "-q", "-m", "base");
  git("checkout", "-q", "-b", "change");
  writeFileSync(join(upstream, "d0", "f0.txt"), "changed\n");
  git("commit", "-q", "-am", "change");
  const head = git("rev-parse", "HEAD");
  git("checkout", "-q", "main");
  writeFileSync(join(upstream, "d1", "f1.txt"), "moved on\n");
  git("commit", "-q", "-am", "base moves");
  const base = git("rev-parse", "HEAD");
  git("update-ref", "refs/pull/1/head", head);

  const gitRoom = createGit({ root: join(root, "git"), clock: systemClock });
  const repository = await gitRoom.open("bench");
  must(await gitRoom.adopt(repository, `file://${upstream}`, () => {}));
  must(await repository.updateRef("refs/pull/1/head", "0".repeat(40), head));
  const executor = await createProcessExecutor({
    folder: join(root, "cage"),
    clock: systemClock,
    ids: systemIds,
    reachable: () => [],
    cluster: () => "none",
  });
  const family = readFamilyFile("f", `family: b\ncomponents: {bench: {repository: "file://${upstream}"}}\n`, {}).family;
  if (!family) throw new Error("no family");
  const blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
  const supervisor = createSupervisor({
    secrets: stubSecrets,
    clock: systemClock,
    family: () => family,
    git: gitRoom,
    executor,
    results: createFsResultStore({ root: join(root, "results"), ids: systemIds }),
    runUrl: () => "",
    assembler: { assemble: () => Promise.reject(new Error("no image is built here")) },
    inspector: createImageInspector(blobs),
    leftImages: createLeftImages(blobs),
    cage: executor,
    toolchains: { provide: async () => err(fault("missing-need", "none is asked for")) },
    readReleaseConfiguration: () => Promise.reject(new Error("a command is run")),
    workRoot: join(root, "work"),
    cacheRoot: join(root, "caches"),
  });
  const job: Job = {
    ...jobDefaults,
    name: "no-op",
    type: "presubmit",
    component: "bench",
    repository: "b/bench",
    origin: "generated",
    context: "no-op",
    alwaysRun: true,
    trigger: "",
    rerunCommand: "",
    timeoutMs: 60_000,
    gracePeriodMs: 1000,
    body: { kind: "pod", spec: { containers: [{ command: ["true"] }] } },
  };
  let builds = 0;
  const one = async () => {
    const buildId = String(1_000_000 + ++builds);
    const run: Run = {
      id: systemIds.uuid(),
      job,
      type: "presubmit",
      component: "bench",
      tier: "change",
      state: "pending",
      refs: {
        org: "b",
        repo: "bench",
        base_ref: "main",
        base_sha: base,
        pulls: [{ number: 1, author: "b", sha: head }],
      },
      ref: "refs/pull/1/head",
      change: 1,
      head,
      releaseId: undefined,
      attempt: 1,
      createdAt: 0,
      fencing: 1,
    };
    const end = await supervisor.run(run, { buildId, startedAt: Date.now() }, new AbortController().signal);
    if (end.state !== "success") throw new Error(end.description);
    await supervisor.tidy(buildId);
  };
  await one();

  const { parts } = await readMachine(join(root, "peer-cage"));
  const spec = {
    runId: "p",
    buildId: "p",
    tier: "change" as const,
    argv: ["true"],
    cwd: "/home/prow/go",
    env: { PATH: "/usr/bin:/bin" },
    mounts: [{ host: join(root, "peer"), inside: "/home/prow/go", writable: true }],
    timeoutMs: 1,
    graceMs: 1,
    limits: { logBytes: 1, diskBytes: 1, processes: 1, memoryBytes: 1 },
    network: "none" as const,
    onOutput: () => {},
  };
  writeFileSync(
    join(root, "cage.args"),
    cageArguments(spec, parts, undefined, undefined)
      .map((value) => `${value}\0`)
      .join(""),
  );
  const url = `file://${join(root, "git", "bench.git")}`;
  const script = `set -e
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
mkdir -p "$0/peer/src/b/bench" "$0/peer-results"; cd "$0/peer/src/b/bench"
git init -q; git config user.name ci-robot; git config user.email ci-robot@k8s.io
git fetch -q ${url} --tags --prune
git fetch -q ${url} ${base}
git checkout -q ${base}; git branch --force main ${base}; git checkout -q main
at=$(git show -s --format=format:%ct HEAD)
git fetch -q ${url} pull/1/head
GIT_AUTHOR_DATE=$((at + 1)) GIT_COMMITTER_DATE=$((at + 1)) git merge -q --no-ff ${head}
git submodule update --init --recursive
git rev-parse HEAD > "$0/peer-results/final"
bwrap --args 3 -- true 3< "$0/cage.args" > "$0/peer-results/build-log.txt" 2>&1
echo '{"timestamp":1}' > "$0/peer-results/started.json"; echo '{"passed":true}' > "$0/peer-results/finished.json"
rm -rf "$0/peer"`;
  const peer = () => execFileSync("/bin/sh", ["-c", script, root], { stdio: ["ignore", "ignore", "inherit"] });
  peer();

  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let begun = performance.now();
    await one();
    ours.push(performance.now() - begun);
    begun = performance.now();
    peer();
    theirs.push(performance.now() - begun);
  }
  const together = 120;
  const begun = performance.now();
  let left = together;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (left-- > 0) await one();
    }),
  );
  const perSecond = together / ((performance.now() - begun) / 1000);
  await executor.close();
  gitRoom.close();
  rmSync(root, { recursive: true, force: true });
  return { oursMs: median(ours), scriptMs: median(theirs), perSecond };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
