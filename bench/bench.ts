import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { greeter, mergeAndWait, proposeAndWait, serveFamily } from "../test/fixtures/served-family.ts";
import { measureCheckout } from "./checkout.ts";
import { measureImages } from "./images.ts";
import { measureNoOpRun } from "./no-op-run.ts";
import { measurePinSet } from "./pin-set.ts";
import { highestResident, measureProwLoad } from "./prow-load.ts";
import { measureRegistry } from "./registry.ts";
import { measureReplay } from "./replay.ts";

const print = (text: string) => process.stdout.write(`${text}\n`);
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

async function noOpRuns(): Promise<void> {
  print("No-op run: checkout of 400 files merged with one change, `true` in the cage, results stored.");
  print("Peer: the checkout contract's own commands and the same cage, by a shell script, in turns with ours.");
  for (const [name, folder] of [
    ["tmpfs", "/dev/shm"],
    ["disk", tmpdir()],
  ] as const) {
    if (!existsSync(folder)) continue;
    const { oursMs, scriptMs, perSecond } = await measureNoOpRun(folder);
    print(
      `  ${name}: ours ${oursMs.toFixed(1)} ms, script ${scriptMs.toFixed(1)} ms, ratio ${(oursMs / scriptMs).toFixed(2)} (at most 0.60 on tmpfs); 4 at once: ${perSecond.toFixed(0)} runs a second (at least 30 on tmpfs)`,
    );
  }
}

async function tagToPullable(): Promise<void> {
  print(
    "From `git push` of a tag to a pullable image with one 20 MB binary (of real programs), beyond the component's own build.",
  );
  const files = {
    ...greeter.files,
    "build.sh":
      "mkdir -p bin && cat /usr/bin/* 2>/dev/null | head -c 20000000 > bin/greeter && chmod 755 bin/greeter\n",
  };
  const family = await serveFamily([{ ...greeter, files }]);
  try {
    await family.start();
    const clone = await family.clone("greeter");
    const { number } = await proposeAndWait(family, clone, "greeter", { a: "a" });
    await mergeAndWait(family, "greeter", number);
    await family.git(clone, "fetch", "-q", "origin");
    const beyond: number[] = [];
    for (let n = 0; n < 5; n++) {
      const tag = `v1.${n}.0`;
      await family.git(clone, "tag", "-m", tag, tag, "origin/main");
      const begun = performance.now();
      await family.git(clone, "push", "-q", "origin", tag);
      await family.until("the image", async () => {
        const answer = await fetch(`${family.url()}/v2/fam/greeter/manifests/${tag}`, {
          headers: { authorization: `Bearer ${await family.token()}` },
        });
        return answer.status === 200 ? true : undefined;
      });
      const total = performance.now() - begun;
      const { items } = await family.api<{ items: { id: string; refs: { base_ref: string } }[] }>("/runs");
      const run = items.find((each) => each.refs.base_ref === tag);
      const log = await (await fetch(`${family.url()}/api/v1/runs/${run?.id}/log`)).text();
      const build = 1000 * Number(/step build exited with 0 after ([0-9.]+) s/.exec(log)?.[1] ?? "0");
      beyond.push(total - build);
    }
    print(
      `  ${[...beyond].sort((a, b) => a - b)[2]?.toFixed(0)} ms in the median of 5 (at most 1000); worst ${Math.max(...beyond).toFixed(0)} ms`,
    );
    const pid = Number(/"pid":(\d+)/.exec(readFileSync(join(family.home, "server.json"), "utf8"))?.[1]);
    const resident = 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    print(`Resident memory right after that: ${megabytes(resident)}`);
  } finally {
    await family.remove();
  }
}

async function idleServer(): Promise<void> {
  const family = await serveFamily([greeter]);
  try {
    await family.start();
    await new Promise((done) => setTimeout(done, 5000));
    const pid = Number(/"pid":(\d+)/.exec(readFileSync(join(family.home, "server.json"), "utf8"))?.[1]);
    const resident = 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    print(`Idle server, 5 s after its start: ${megabytes(resident)} resident (at most 120 MB)`);
  } finally {
    await family.remove();
  }
}

function demo(): void {
  const home = mkdtempSync(join(tmpdir(), "fairlead-demo-"));
  const args = [join(process.cwd(), "bin/demo"), "--once", "--json", "--port", "0", "--home", home];
  const told: { seconds: number } = JSON.parse(
    execFileSync("/bin/sh", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
  );
  print(`The story of bin/demo --once after set-up: ${told.seconds} s (at most 15)`);
  rmSync(home, { recursive: true, force: true });
}

async function checkouts(): Promise<void> {
  print(
    "Checkout of a change merged with its base, mirror warm, against the contract's own commands on the same mirror.",
  );
  const folder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  for (const [what, shape, wanted] of [
    ["5,000 commits, 400 files", { commits: 5000, files: 400 }, 10],
    ["20 commits, 8,000 files", { commits: 20, files: 8000 }, 3],
  ] as const) {
    const { oursMs, scriptMs } = await measureCheckout(folder, shape);
    const times = (scriptMs / oursMs).toFixed(1);
    print(
      `  ${what}: ours ${oursMs.toFixed(0)} ms, script ${scriptMs.toFixed(0)} ms: ${times} times faster (at least ${wanted})`,
    );
  }
}

async function jobFiles(): Promise<void> {
  print(
    "Loading and checking job files of the size of kubernetes/test-infra, against a plain parse by the yaml package.",
  );
  const figures = await measureProwLoad(join(process.cwd(), "dist/prow-worker.mjs"));
  const ratio = (figures.oursMs / figures.plainParseMs).toFixed(2);
  print(
    `  ${figures.jobs} jobs, ${figures.megabytes.toFixed(1)} MB: ours ${figures.oursMs.toFixed(0)} ms, plain parse ${figures.plainParseMs.toFixed(0)} ms, ratio ${ratio}; unchanged ${figures.unchangedMs.toFixed(0)} ms (at most 700); an event over 461 jobs ${figures.planMs.toFixed(1)} ms (at most 5); ${megabytes(highestResident())} at most resident (400)`,
  );
}

async function replays(): Promise<void> {
  print(
    "Replay of eight repositories of 2,000 commits and 50 tags, git included; a preflight on 8,000 files, 5,000 commits.",
  );
  const { tags, seconds, coldMs, warmMs } = await measureReplay(existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
  print(
    `  ${tags} tags in ${seconds.toFixed(1)} s (at most 20); preflight ${coldMs.toFixed(0)} ms at first, ${warmMs.toFixed(0)} ms again (at most 300)`,
  );
}

async function pinSets(): Promise<void> {
  print("Resolving and recording a pin set of 12 components, each with 60 releases and canaries for two platforms.");
  const { pinnedMs, canaryMs } = await measurePinSet(existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
  print(`  as pinned ${pinnedMs.toFixed(1)} ms, canaries ${canaryMs.toFixed(1)} ms in the median of 30 (at most 50)`);
}

if (process.argv[2] === "job-files") await jobFiles();
else if (process.argv[2] === "replay") await replays();
else if (process.argv[2] === "pin-sets") await pinSets();
else if (process.argv[2] === "registry") await measureRegistry(print);
else if (process.argv[2] === "images") await measureImages(print);
else {
  await noOpRuns();
  await checkouts();
  // In a process of its own, so that its memory is its own.
  execFileSync(process.execPath, [process.argv[1] ?? "", "job-files"], { stdio: "inherit" });
  await replays();
  await pinSets();
  await tagToPullable();
  execFileSync(process.execPath, [process.argv[1] ?? "", "registry"], { stdio: "inherit" });
  execFileSync(process.execPath, [process.argv[1] ?? "", "images"], { stdio: "inherit" });
  await idleServer();
  demo();
}
