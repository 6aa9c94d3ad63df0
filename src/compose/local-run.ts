import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { LocalRunRequest, LocalRunResult } from "../cli/index.ts";
import { readReleaseConfiguration } from "../config/index.ts";
import { err, fault, hashOf, ok, type Result, systemClock, systemIds } from "../core/index.ts";
import { isPublicAddress } from "../execute/host/index.ts";
import { copyRefs, createGit } from "../git/index.ts";
import {
  chooseCompression,
  createAssembler,
  createImageInspector,
  createLeftImages,
  createOutsideBuilder,
} from "../images/index.ts";
import { createBaseSource, createRegistryClient, openFsBlobStore } from "../oci/index.ts";
import { createFsResultStore, type LogWriter, type ResultStore } from "../results/index.ts";
import { createSupervisor, resultKeyOf, stubSecrets } from "../runs/index.ts";
import { bringTheirOwn } from "./cluster-tests.ts";
import { createExecutor, createImageExecutor } from "./executor.ts";
import { ownTerminal } from "./terminal.ts";
import { toolchainsOf } from "./toolchains.ts";

/** By which a person, a script or a closed terminal ends us: the run is ended, and nothing of it is left. */
const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Does here what the server did: the same checkout, environment, cage and layout, by the same supervisor. Mirrors are
 * kept in the user's cache; the checkout goes, the results stay.
 */
export async function runHere(request: LocalRunRequest): Promise<Result<LocalRunResult>> {
  const { reproduction } = request;
  const opened = request.shell ? ownTerminal(process.stdin, process.stdout) : ok(undefined);
  if (!opened.ok) return opened;
  const terminal = opened.value;
  const { run, family, buildId } = reproduction;
  const clock = systemClock;
  const ids = systemIds;
  const cache = join(request.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "fairlead");
  const scratch = await mkdtemp(join(tmpdir(), "fairlead-run-"));
  const git = createGit({
    root: join(cache, "mirrors", hashOf(request.gitUrl).slice(0, 16)),
    clock,
    mayRead: (address) => isPublicAddress(address),
    reachable: () => family.reachable,
  });
  const execution = {
    ...{ folder: join(scratch, "cage"), clock, ids, family: () => family },
    allowCage: request.env["FAIRLEAD_CAGE_OFF"] !== "1",
  };
  const made = await createExecutor(execution);
  if (!made.ok) {
    git.close();
    await rm(scratch, { recursive: true, force: true });
    return made;
  }
  const executor = made.value;
  const building = await createImageExecutor(executor, execution);
  try {
    const isolation = await executor.isolation();
    const protectedCode = run.tier === "branch" || run.tier === "release";
    if (!isolation.full && !protectedCode && !request.unconfined) {
      return err(
        fault(
          "refused",
          `code that is not on a protected branch is not run unconfined: ${isolation.missing.join(", ")}`,
          {
            hint: "fairlead doctor mends it; --unconfined runs it with your own rights",
          },
        ),
      );
    }
    request.progress(`reading ${request.gitUrl}`);
    const repository = await git.open(run.component);
    const copied = await copyRefs(repository, request.gitUrl, request.authorization, () => {});
    if (!copied.ok) return copied;
    const folder = request.output ?? join(tmpdir(), `fairlead-results-${buildId}`);
    const results = createFsResultStore({ root: folder, ids });
    const blobs = await openFsBlobStore({ root: join(scratch, "blobs"), ids, clock });
    await mkdir(join(scratch, "work"));
    const supervisor = createSupervisor({
      clock,
      family: () => family,
      git,
      executor,
      results: telling(results, request.print),
      secrets: stubSecrets,
      runUrl: () => "",
      assembler: createAssembler({
        blobs,
        bases: createBaseSource({
          client: createRegistryClient({ clock }),
          blobs,
          mirrors: () => family.registries.mirrors,
          mirrorsMayResolve: () => family.registries.mirrorsMayResolve,
          allowedHosts: () => family.registries.baseHosts,
        }),
        compression: chooseCompression(),
        outside: createOutsideBuilder({ executor: building.executor }),
      }),
      inspector: createImageInspector(blobs),
      leftImages: createLeftImages(blobs),
      cage: building.executor,
      readReleaseConfiguration: (files, component) =>
        readReleaseConfiguration(files, component, {
          cluster: bringTheirOwn(family),
          here: { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" },
        }),
      toolchains: toolchainsOf({
        folder: join(cache, "toolchains"),
        ids,
        family: () => family,
        executor,
        env: request.env,
      }),
      shell: terminal,
      workRoot: join(scratch, "work"),
      cacheRoot: join(cache, "build"),
    });
    // A stranger's change is confined as the server confines it, or run because the user said so.
    const asked = run.tier === "stranger" && request.unconfined ? { ...run, tier: "change" as const } : run;
    const stop = new AbortController();
    const onSignal = () => stop.abort("interrupted");
    for (const signal of endings) process.once(signal, onSignal);
    const end = await supervisor.run(asked, { buildId, startedAt: clock.now() }, stop.signal);
    for (const signal of endings) process.off(signal, onSignal);
    const key = resultKeyOf(run, buildId);
    await supervisor.tidy(buildId);
    return ok({
      state: end.state,
      description: end.description,
      testedCommit: end.testedCommit,
      tests: await results.readTests(key),
      results: join(folder, results.pathOf(key)),
    });
  } finally {
    terminal?.close();
    await building.close();
    await executor.close();
    git.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The same results, and every byte of the log shown while it is written. */
function telling(results: ResultStore, print: (bytes: Uint8Array) => void): ResultStore {
  return {
    ...results,
    openLog: async (key, bound, masking) => {
      const opened = await results.openLog(key, bound, masking);
      if (!opened.ok) return opened;
      const log = opened.value;
      const told: LogWriter = {
        append: (chunk) => {
          print(chunk);
          log.append(chunk);
        },
        line: (text) => {
          print(Buffer.from(`${text}\n`));
          log.line(text);
        },
        get size() {
          return log.size;
        },
        close: () => log.close(),
      };
      return ok(told);
    },
  };
}
