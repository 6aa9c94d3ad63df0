import { lookup } from "node:dns/promises";
import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import type { HostedRepository } from "./repository.ts";
import { runGit } from "./run-git.ts";

/** Repositories that are no components, copied once by their address and brought up to date when they are asked for. */
export interface Mirrors {
  /**
   * The repository with everything that `url` has now, or at least `commit`: then nothing is fetched where it is there.
   * Faults: `bad-input` (no address that a job may name), `refused` (it leads to a private address), `unavailable`.
   */
  upToDate(url: string, commit: string | undefined): Promise<Result<HostedRepository>>;
}

export interface MirrorOptions {
  readonly clock: Clock;
  readonly open: (url: string) => Promise<HostedRepository>;
  /** May a repository at this address be read for a job? */
  readonly mayRead: (address: string) => boolean;
  /** `host:port` that may be read although it is private. */
  readonly reachable: () => readonly string[];
}

/** Pauses between tries, as Prow's clonerefs has them (4.1): once, and up to nine times more. */
const pauses = [100, 200, 400, 800, 2000, 5000, 10_000, 15_000, 30_000];

export function createMirrors(options: MirrorOptions): Mirrors {
  /** One fetch at a time for each mirror; whoever comes while one runs shares the next. */
  const running = new Map<string, { readonly now: Promise<Result<void>>; next: Promise<Result<void>> | undefined }>();

  function fetchShared(url: string, repository: HostedRepository): Promise<Result<void>> {
    const current = running.get(url);
    if (current) {
      current.next ??= current.now.then(() => start(url, repository));
      return current.next;
    }
    return start(url, repository);
  }

  function start(url: string, repository: HostedRepository): Promise<Result<void>> {
    const now = fetchPatiently(url, repository).finally(() => {
      if (running.get(url)?.now === now) running.delete(url);
    });
    running.set(url, { now, next: undefined });
    return now;
  }

  async function fetchPatiently(url: string, repository: HostedRepository): Promise<Result<void>> {
    let said = "";
    for (const pause of [...pauses, undefined]) {
      const fetched = await runGit(
        [
          "fetch",
          "--prune",
          "--no-write-fetch-head",
          "--no-recurse-submodules",
          "--",
          url,
          "+refs/heads/*:refs/heads/*",
          "+refs/tags/*:refs/tags/*",
        ],
        { gitDir: repository.directory, protocols: "http:https" },
      );
      if (!fetched.ok) return fetched;
      if (fetched.value.code === 0) {
        repository.forget();
        return ok(undefined);
      }
      said = fetched.value.stderr.trim().split("\n").at(-1) ?? "";
      if (pause === undefined || isFinal(said)) break;
      await new Promise<void>((done) => options.clock.after(pause, done));
    }
    return err(fault("unavailable", `${url} cannot be read: ${said}`, { hint: "check the address and the network" }));
  }

  return {
    upToDate: async (url, commit) => {
      const allowed = await check(url, options);
      if (!allowed.ok) return allowed;
      const repository = await options.open(url);
      if (commit !== undefined && (await repository.commitOf(commit)) !== undefined) return ok(repository);
      const fetched = await fetchShared(url, repository);
      return fetched.ok ? ok(repository) : fetched;
    },
  };
}

/** What trying again does not mend. */
function isFinal(said: string): boolean {
  return /not found|does not exist|Authentication failed|could not read Username/i.test(said);
}

async function check(url: string, options: MirrorOptions): Promise<Result<void>> {
  const shown = JSON.stringify(url.slice(0, 200));
  if (url.length > 2000 || !URL.canParse(url) || !/^https?:\/\/[^-]/.test(url))
    return err(
      fault("bad-input", `${shown} is no address that a job may have cloned`, { hint: "https:// or http:// only" }),
    );
  const { hostname, port, protocol } = new URL(url);
  const target = `${hostname}:${port === "" ? (protocol === "http:" ? 80 : 443) : port}`;
  if (options.reachable().includes(target)) return ok(undefined);
  const found = await lookup(hostname.replace(/^\[|\]$/g, ""), { all: true }).catch(() => []);
  if (found.length === 0)
    return err(fault("unavailable", `${hostname} has no address`, { hint: "check the name and the network" }));
  if (found.every((each) => options.mayRead(each.address))) return ok(undefined);
  return err(
    fault("refused", `${shown} leads to a private address`, {
      hint: `list ${target} under reachable in the family file`,
    }),
  );
}
