import { createReadStream } from "node:fs";
import { lstat, mkdir, open, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { err, fault, type Ids, ok, type Result } from "../core/index.ts";
import type { Refs } from "../jobs/index.ts";
import { cloneLog, cloneRecordsJson } from "./clone-records.ts";
import { collectArtifacts } from "./collect.ts";
import { createJunitReader } from "./junit.ts";
import { pointersOf, runFolderOf } from "./layout.ts";
import { openLogWriter } from "./log-writer.ts";
import type { Artifact, LogPiece, ResultKey, ResultStore } from "./model.ts";

const mostJunitFiles = 100;
const largestJunitFile = 16 * 1024 ** 2;
const largestMetadata = 1024 ** 2;
const ours = new Set([
  "started.json",
  "finished.json",
  "build-log.txt",
  "clone-records.json",
  "clone-log.txt",
  "prowjob.json",
]);

/** Results as files below `root`. */
export function createFsResultStore(options: { readonly root: string; readonly ids: Ids }): ResultStore {
  const { root } = options;
  const live = new Set<string>();
  const folderOf = (key: ResultKey) => join(root, runFolderOf(key));

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

  async function claimedMetadata(key: ResultKey): Promise<Record<string, unknown>> {
    const file = join(folderOf(key), "artifacts", "metadata.json");
    const facts = await lstat(file).catch(() => undefined);
    if (!facts?.isFile() || facts.size > largestMetadata) return {};
    try {
      const value: unknown = JSON.parse(await readFile(file, "utf8"));
      return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
    } catch {
      return {};
    }
  }

  return {
    pathOf: runFolderOf,
    begin: (key, started) =>
      attempt(async () => {
        const folder = folderOf(key);
        await mkdir(folder, { recursive: true });
        const { latest, alias } = pointersOf(key);
        await Promise.all([
          replace(join(folder, "started.json"), JSON.stringify(startedOf(key, started))),
          ...latest.map((path) => replace(join(root, path), key.buildId)),
          ...(alias ? [replace(join(root, alias), `/results/${runFolderOf(key)}`)] : []),
        ]);
      }),
    openLog: (key, bound) =>
      attempt(async () => {
        const path = join(folderOf(key), "build-log.txt");
        const writer = await openLogWriter(path, bound);
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
    writeClone: (key, records) =>
      attempt(async () => {
        await replace(join(folderOf(key), "clone-records.json"), cloneRecordsJson(records));
        await replace(join(folderOf(key), "clone-log.txt"), cloneLog(records));
      }),
    write: (key, name, content) => attempt(() => replace(join(folderOf(key), basename(name)), content)),
    collect: (key, from, bounds) =>
      attempt(async () => await collectArtifacts(from, join(folderOf(key), "artifacts"), bounds)),
    readTests: async (key) => {
      const reader = createJunitReader();
      const files = (await artifactFiles(folderOf(key), "artifacts")).filter((artifact) =>
        /(^|\/)junit[^/]*\.xml$/.test(artifact.path),
      );
      const problems: string[] = [];
      for (const { path, size } of files.slice(0, mostJunitFiles)) {
        if (size > largestJunitFile)
          problems.push(`${path}: larger than ${largestJunitFile / 1024 ** 2} MiB, not read`);
        else await reader.read(path, createReadStream(join(folderOf(key), path), { encoding: "utf8" }));
      }
      if (files.length > mostJunitFiles)
        problems.push(`${files.length - mostJunitFiles} more JUnit files were not read`);
      const summary = reader.summary();
      return { ...summary, problems: [...summary.problems, ...problems] };
    },
    finish: (key, finished) =>
      attempt(async () => {
        const metadata = { ...(await claimedMetadata(key)), ...finished.metadata };
        const { at, passed, result, revision } = finished;
        const document = { timestamp: Math.floor(at / 1000), passed, metadata, result, revision };
        await replace(join(folderOf(key), "finished.json"), JSON.stringify(document));
      }),
    listArtifacts: async (key) => {
      const files = await artifactFiles(folderOf(key), "");
      return files.filter(({ path }) => path.startsWith("artifacts/") || ours.has(path));
    },
    open: async (path) => {
      const file = await inspect(root, path);
      return file?.facts.isFile() ? { file: file.absolute, size: file.facts.size } : undefined;
    },
    list: async (path) => {
      const folder = await inspect(root, path);
      if (!folder?.facts.isDirectory()) return undefined;
      const entries = await readdir(folder.absolute, { withFileTypes: true });
      const shown = entries.filter((entry) => entry.isDirectory() || (entry.isFile() && !entry.name.endsWith(".tmp")));
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

/** Prow: `started.json`; `pull` is a string, `repos` values have the form of PULL_REFS. */
function startedOf(key: ResultKey, started: { at: number; refs: Refs; runId: string; finalSha?: string | undefined }) {
  const { refs } = started;
  const pulls = refs.pulls ?? [];
  const value = [`${refs.base_ref}:${refs.base_sha}`, ...pulls.map((pull) => `${pull.number}:${pull.sha}`)].join(",");
  const commit = started.finalSha ?? pulls[0]?.sha ?? refs.base_sha;
  return {
    timestamp: Math.floor(started.at / 1000),
    ...(key.pull === undefined ? {} : { pull: String(key.pull) }),
    repos: { [`${refs.org}/${refs.repo}`]: value },
    "repo-commit": commit,
    "repo-version": commit,
    metadata: { "fairlead-run": started.runId },
  };
}

function storageFault(error: unknown) {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT")
    return fault("disk-full", "there is no room left for results", { hint: "free space below the home, then rerun" });
  return fault("failed", `results could not be stored: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
