import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Clock, createSerial, type Fault, type Ids } from "../../core/index.ts";
import type { ResultMirror } from "./model.ts";
import { type MirroredRun, uploadRun } from "./upload-run.ts";

const entrySchema = z.object({
  buildId: z.string().regex(/^\d{1,30}$/),
  folder: z.string(),
  latest: z.array(z.string()),
  alias: z.string().optional(),
  /** Mirrors that have all of it. */
  done: z.array(z.string()),
});
type Entry = z.infer<typeof entrySchema>;

/** Attempts whose results are still to be mirrored; on disk, so that a killed process loses none. */
export interface MirrorQueue {
  /** Before an attempt writes anything: should the process die, what is there is mirrored by the next one. */
  note(run: MirroredRun): Promise<void>;
  /** The attempt's results are complete. */
  finished(buildId: string): void;
  /** Takes over what an earlier process left, whether its attempt ended or not: nobody goes on with it. */
  start(): Promise<void>;
  /** Ends after the upload under way; the rest stays on disk. */
  stop(): Promise<void>;
  /** Resolves once nothing is under way: all is mirrored, or waits to be tried again. */
  settled(): Promise<void>;
  /** How many attempts are not wholly mirrored. */
  pending(): Promise<number>;
}

const longestPause = 300_000;

/** At least once, one attempt after another for each mirror; a failure is tried again after 1, 4, 9, … seconds, at most 5 minutes. */
export function createMirrorQueue(options: {
  /** Of the queue alone. */
  readonly folder: string;
  /** The root of results. */
  readonly root: string;
  readonly mirrors: readonly ResultMirror[];
  readonly clock: Clock;
  readonly ids: Ids;
  /** Told at each failure. */
  readonly onTrouble: (mirror: string, fault: Fault) => void;
}): MirrorQueue {
  const oneByOne = createSerial();
  const timers = new Map<string, () => void>();
  let working: Promise<unknown> = Promise.resolve();
  let stopped = false;
  const fileOf = (buildId: string) => join(options.folder, `${buildId}.json`);

  async function keep(entry: Entry): Promise<void> {
    await mkdir(options.folder, { recursive: true });
    const beside = `${fileOf(entry.buildId)}.${options.ids.hex(4)}.tmp`;
    const file = await open(beside, "w", 0o600);
    try {
      await file.writeFile(JSON.stringify(entry));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, fileOf(entry.buildId));
  }

  async function read(buildId: string): Promise<Entry | undefined> {
    const text = await readFile(fileOf(buildId), "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      return entrySchema.parse(JSON.parse(text));
    } catch {
      // Not written by us, or half of it: what it meant is lost either way.
      await rm(fileOf(buildId), { force: true });
      return undefined;
    }
  }

  function schedule(buildId: string, tries: number): void {
    for (const mirror of options.mirrors) {
      const work = oneByOne(mirror.name, () => uploadTo(mirror, buildId, tries));
      working = Promise.allSettled([working, work]);
    }
  }

  async function uploadTo(mirror: ResultMirror, buildId: string, tries: number): Promise<void> {
    const entry = stopped ? undefined : await read(buildId);
    if (!entry || entry.done.includes(mirror.name)) return;
    const uploaded = await uploadRun(options.root, { ...entry, alias: entry.alias }, mirror);
    if (!uploaded.ok) {
      options.onTrouble(mirror.name, uploaded.error);
      retry(buildId, tries + 1);
      return;
    }
    await oneByOne(`entry ${buildId}`, async () => {
      const now = await read(buildId);
      if (!now) return;
      const done = [...new Set([...now.done, mirror.name])];
      if (options.mirrors.every((each) => done.includes(each.name))) await rm(fileOf(buildId), { force: true });
      else await keep({ ...now, done });
    });
  }

  function retry(buildId: string, tries: number): void {
    if (stopped) return;
    timers.get(buildId)?.();
    const cancel = options.clock.after(Math.min(tries * tries * 1000, longestPause), () => {
      timers.delete(buildId);
      schedule(buildId, tries);
    });
    timers.set(buildId, cancel);
  }

  async function waiting(): Promise<readonly string[]> {
    const names = await readdir(options.folder).catch(() => []);
    return names.filter((name) => /^\d{1,30}\.json$/.test(name)).map((name) => name.slice(0, -".json".length));
  }

  return {
    note: (run) => keep({ ...run, latest: [...run.latest], done: [] }),
    finished: (buildId) => schedule(buildId, 0),
    start: async () => {
      for (const buildId of [...(await waiting())].sort()) schedule(buildId, 0);
    },
    stop: async () => {
      stopped = true;
      for (const cancel of timers.values()) cancel();
      await working;
    },
    settled: async () => {
      let seen: unknown;
      while (seen !== working) {
        seen = working;
        await working;
      }
    },
    pending: async () => (await waiting()).length,
  };
}
