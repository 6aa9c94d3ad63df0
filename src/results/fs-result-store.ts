import { lstat, mkdir, open, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createSerial, err, fault, type Ids, ok, type Result } from "../core/index.ts";
import { collectArtifacts } from "./collect.ts";
import {
  type ClaimedMetadata,
  cloneLog,
  cloneRecords,
  finishedDocument,
  readMetadata,
  startedDocument,
} from "./documents.ts";
import { headersAt, headersFile, writeHeaders } from "./headers.ts";
import { readJunitFiles } from "./junit-files.ts";
import { explicitLayout, type Layout, pointersOf, runFolderOf } from "./layout.ts";
import { openLogWriter } from "./log-writer.ts";
import { maskedWriter } from "./masked-writer.ts";
import type { Artifact, LogPiece, ResultKey, ResultStore } from "./model.ts";

const largestMetadata = 1024 ** 2;
const ours = new Set([
  "started.json",
  "finished.json",
  "prowjob.json",
  "podinfo.json",
  "build-log.txt",
  "clone-log.txt",
  "clone-records.json",
]);

/** Results as files below `root`. */
export function createFsResultStore(options: {
  readonly root: string;
  readonly ids: Ids;
  readonly layout?: Layout | undefined;
}): ResultStore {
  const { root, layout = explicitLayout } = options;
  const live = new Set<string>();
  const oneByOne = createSerial();
  const pathOf = (key: ResultKey) => runFolderOf(key, layout);
  const folderOf = (key: ResultKey) => join(root, pathOf(key));

  async function replace(path: string, content: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    const beside = `${path}.${options.ids.hex(4)}.tmp`;
    await writeFile(beside, content, { mode: 0o600 });
    await rename(beside, path);
  }

  async function attempt<T>(work: () => Promise<T>): Promise<Result<T>> {
    try {
      return ok(await work());
    } catch (error) {
      return err(storageFault(error));
    }
  }

  async function artifactFiles(folder: string, relative: string): Promise<Artifact[]> {
    const found: Artifact[] = [];
    const entries = await readdir(join(folder, relative), { withFileTypes: true }).catch(() => []);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) found.push(...(await artifactFiles(folder, path)));
      else if (entry.isFile()) {
        const { size } = await lstat(join(folder, path));
        found.push({ path, size, writtenBy: path.startsWith("artifacts/") ? "job" : "fairlead" });
      }
    }
    return found;
  }

  /** Prow's own moves back when an older run ends later; readers of ours can rely on it. */
  function raisePointer(path: string, buildId: string): Promise<void> {
    return oneByOne(path, async () => {
      const before = (await readFile(join(root, path), "utf8").catch(() => "")).trim();
      if (!isNewer(before, buildId)) await replace(join(root, path), buildId);
    });
  }

  async function claimedMetadata(key: ResultKey, name: string): Promise<ClaimedMetadata[]> {
    const file = join(folderOf(key), "artifacts", name);
    const facts = await lstat(file).catch(() => undefined);
    if (!facts?.isFile()) return [];
    if (facts.size > largestMetadata) return [{ path: name, value: {}, error: `larger than ${largestMetadata} bytes` }];
    return [readMetadata(name, await readFile(file, "utf8"))];
  }

  return {
    pathOf,
    begin: (key, started) =>
      attempt(async () => {
        const folder = folderOf(key);
        await mkdir(folder, { recursive: true });
        const { latest, alias } = pointersOf(key, layout);
        await Promise.all([
          replace(join(folder, "started.json"), JSON.stringify(startedDocument(started))),
          ...latest.map((path) => raisePointer(path, key.buildId)),
          ...(alias ? [replace(join(root, alias), `/results/${pathOf(key)}`)] : []),
        ]);
      }),
    cloned: (key, started, clones) =>
      attempt(async () => {
        const folder = folderOf(key);
        await replace(join(folder, "clone-records.json"), JSON.stringify(cloneRecords(clones)));
        await replace(join(folder, "clone-log.txt"), cloneLog(clones));
        await replace(join(folder, "started.json"), JSON.stringify(startedDocument(started)));
      }),
    openLog: (key, bound, masking) =>
      attempt(async () => {
        const path = join(folderOf(key), "build-log.txt");
        const writer = maskedWriter(await openLogWriter(path, bound), masking);
        live.add(path);
        return {
          append: writer.append,
          line: writer.line,
          get size() {
            return writer.size;
          },
          close: async () => {
            try {
              return await writer.close();
            } finally {
              live.delete(path);
            }
          },
        };
      }),
    readLog: async (key, offset, limit): Promise<LogPiece | undefined> => {
      const path = join(folderOf(key), "build-log.txt");
      const going = live.has(path);
      const file = await open(path, "r").catch(() => undefined);
      if (!file) return undefined;
      try {
        const { size } = await file.stat();
        const start = Math.min(Math.max(offset, 0), size);
        const { bytesRead, buffer } = await file.read({
          buffer: Buffer.alloc(Math.min(limit, size - start)),
          position: start,
        });
        const next = start + bytesRead;
        return { bytes: buffer.subarray(0, bytesRead), next, complete: !going && next >= size };
      } finally {
        await file.close();
      }
    },
    write: (key, name, content) => attempt(() => replace(join(folderOf(key), basename(name)), content)),
    writeDocument: (key, name, document) =>
      attempt(() => replace(join(folderOf(key), name), JSON.stringify(document, undefined, "\t"))),
    collect: (key, from, bounds, masking) =>
      attempt(async () => {
        const folder = folderOf(key);
        const { stored, ...collected } = await collectArtifacts(from, join(folder, "artifacts"), bounds, masking);
        await writeHeaders(folder, stored, replace);
        return collected;
      }),
    readTests: async (key) => await readJunitFiles(folderOf(key), await artifactFiles(folderOf(key), "artifacts")),
    finish: (key, finished) =>
      attempt(async () => {
        const containers = finished.containers ?? [];
        const names = containers.length > 1 ? containers.map((name) => `${name}-metadata.json`) : ["metadata.json"];
        const claimed: ClaimedMetadata[] = [];
        for (const name of names) claimed.push(...(await claimedMetadata(key, basename(name))));
        await replace(join(folderOf(key), "finished.json"), JSON.stringify(finishedDocument(finished, claimed)));
      }),
    listArtifacts: async (key) => {
      const files = await artifactFiles(folderOf(key), "");
      return files.filter(({ path }) => path.startsWith("artifacts/") || ours.has(path));
    },
    open: async (path) => {
      const file = await inspect(root, path);
      if (!file?.facts.isFile() || isHidden(basename(file.absolute))) return undefined;
      return { file: file.absolute, size: file.facts.size, ...(await headersAt(root, path)) };
    },
    list: async (path) => {
      const folder = await inspect(root, path);
      if (!folder?.facts.isDirectory()) return undefined;
      const entries = await readdir(folder.absolute, { withFileTypes: true });
      const shown = entries.filter((entry) => entry.isDirectory() || (entry.isFile() && !isHidden(entry.name)));
      return await Promise.all(
        shown.slice(0, 5000).map(async (entry) => ({
          name: entry.name,
          directory: entry.isDirectory(),
          size: entry.isFile() ? (await lstat(join(folder.absolute, entry.name))).size : 0,
        })),
      );
    },
  };
}

/** A path of a URL below the root: every name is looked at, and a link anywhere ends it. */
async function inspect(root: string, path: string) {
  const names = path.split("/").filter((name) => name !== "");
  if (names.length > 64 || names.some((name) => name === "." || name === ".." || name.includes("\0"))) return undefined;
  let absolute = root;
  let facts = await lstat(absolute).catch(() => undefined);
  for (const name of names) {
    if (!facts?.isDirectory()) return undefined;
    absolute = join(absolute, name);
    facts = await lstat(absolute).catch(() => undefined);
  }
  return facts && { absolute, facts };
}

/** Whether the build `before` is newer than `now`; both are decimal, and anything else is as good as absent. */
function isNewer(before: string, now: string): boolean {
  if (!/^\d{1,30}$/.test(before)) return false;
  return before.length === now.length ? before > now : before.length > now.length;
}

/** Ours between two states, and what tells how files are served. */
function isHidden(name: string): boolean {
  return name.endsWith(".tmp") || name === headersFile;
}

function storageFault(error: unknown) {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT")
    return fault("disk-full", "there is no room left for results", { hint: "free space below the home, then rerun" });
  return fault("failed", `results could not be stored: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
