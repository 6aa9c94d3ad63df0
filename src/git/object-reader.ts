import type { ChildProcessWithoutNullStreams } from "node:child_process";
import type { Clock } from "../core/index.ts";
import { spawnGit } from "./run-git.ts";

export interface GitObject {
  readonly id: string;
  readonly type: "commit" | "tree" | "blob" | "tag";
  readonly content: Buffer;
}

interface Waiting {
  readonly resolve: (object: GitObject | undefined) => void;
  readonly reject: (error: Error) => void;
}

const idleMs = 30_000;
const types = ["commit", "tree", "blob", "tag"] as const;

/** Objects of one repository through one long-lived `git cat-file`; it ends after half a minute without questions. */
export class ObjectReader {
  readonly #gitDir: string;
  readonly #clock: Clock;
  #child: ChildProcessWithoutNullStreams | undefined;
  #waiting: Waiting[] = [];
  #buffer: Buffer = Buffer.alloc(0);
  #cancelIdle: (() => void) | undefined;

  constructor(gitDir: string, clock: Clock) {
    this.#gitDir = gitDir;
    this.#clock = clock;
  }

  /** `name` is a full id, a full ref name, either with `^{type}`; `undefined` when there is no such object. */
  read(name: string): Promise<GitObject | undefined> {
    if (!/^[\x21-\x7e\u00a1-\uffff]+$/.test(name) || !/^(refs\/|[0-9a-f]{40})/.test(name))
      return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const child = this.#start();
      this.#waiting.push({ resolve, reject });
      child.stdin.write(`contents ${name}\n`);
    });
  }

  close(): void {
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
    this.#child?.stdin.end();
    this.#child = undefined;
  }

  #start(): ChildProcessWithoutNullStreams {
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
    if (this.#child) return this.#child;
    const child = spawnGit(["cat-file", "--batch-command"], { gitDir: this.#gitDir });
    this.#child = child;
    this.#buffer = Buffer.alloc(0);
    child.stdin.on("error", () => undefined);
    child.stdout.on("data", (chunk: Buffer) => this.#take(chunk));
    child.on("error", (error) => this.#fail(child, error));
    child.on("close", () => this.#fail(child, new Error("git cat-file ended")));
    return child;
  }

  #fail(child: ChildProcessWithoutNullStreams, error: Error): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }

  #take(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const end = this.#buffer.indexOf(10);
      if (end < 0) return;
      const head = this.#buffer.subarray(0, end).toString("utf8");
      const found = /^([0-9a-f]{40}) (commit|tree|blob|tag) (\d+)$/.exec(head);
      if (!found) {
        this.#buffer = this.#buffer.subarray(end + 1);
        this.#answer(undefined);
        continue;
      }
      const size = Number(found[3]);
      if (this.#buffer.length < end + 1 + size + 1) return;
      const content = Buffer.from(this.#buffer.subarray(end + 1, end + 1 + size));
      this.#buffer = this.#buffer.subarray(end + 1 + size + 1);
      const type = types.find((candidate) => candidate === found[2]) ?? "blob";
      this.#answer({ id: found[1] ?? "", type, content });
    }
  }

  #answer(object: GitObject | undefined): void {
    this.#waiting.shift()?.resolve(object);
    if (this.#waiting.length === 0) this.#cancelIdle = this.#clock.after(idleMs, () => this.close());
  }
}

/** One entry of a tree object. */
export interface TreeEntry {
  readonly mode: string;
  readonly name: string;
  readonly id: string;
}

export function parseTree(content: Buffer): readonly TreeEntry[] {
  const entries: TreeEntry[] = [];
  let at = 0;
  while (at < content.length) {
    const space = content.indexOf(32, at);
    const end = content.indexOf(0, space);
    if (space < 0 || end < 0) break;
    entries.push({
      mode: content.subarray(at, space).toString("latin1"),
      name: content.subarray(space + 1, end).toString("utf8"),
      id: content.subarray(end + 1, end + 21).toString("hex"),
    });
    at = end + 21;
  }
  return entries;
}

/** What a commit object says; times in milliseconds. */
export function parseCommit(content: Buffer): {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: string;
  readonly committedAt: number;
  readonly subject: string;
} {
  const text = content.toString("utf8");
  const split = text.indexOf("\n\n");
  const head = split < 0 ? text : text.slice(0, split);
  const lines = head.split("\n");
  const valuesOf = (key: string) =>
    lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  const seconds = /> (\d+) [+-]\d+$/.exec(valuesOf("committer")[0] ?? "")?.[1];
  return {
    tree: valuesOf("tree")[0] ?? "",
    parents: valuesOf("parent"),
    author: /^(.*?) </.exec(valuesOf("author")[0] ?? "")?.[1] ?? "",
    committedAt: Number(seconds ?? 0) * 1000,
    subject: split < 0 ? "" : (text.slice(split + 2).split("\n")[0] ?? ""),
  };
}
