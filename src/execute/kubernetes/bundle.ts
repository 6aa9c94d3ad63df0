import { createReadStream } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, readFile, readlink, symlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { err, fault, ok, type Result } from "../../core/index.ts";

/** A file or folder of this machine, and where it is to stand in the pod. */
export interface Packed {
  readonly from: string;
  readonly to: string;
}

const smallFile = 256 * 1024;
const chunkBytes = 256 * 1024;

/** The bundle that `unpack` of the carrier reads: `carrierScript` says its form. Links are kept, devices left out. */
export async function* pack(packed: readonly Packed[], texts: ReadonlyMap<string, string>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces(packed, texts)) {
    held.push(piece);
    size += piece.length;
    if (size < chunkBytes) continue;
    yield Buffer.concat(held);
    held = [];
    size = 0;
  }
  yield Buffer.concat([...held, Buffer.from("E 0 0 0 0\n")]);
}

async function* pieces(packed: readonly Packed[], texts: ReadonlyMap<string, string>): AsyncGenerator<Buffer> {
  for (const [path, text] of texts) {
    const content = Buffer.from(text);
    yield Buffer.concat([head("F", 0o644, 0, content.length, path), content]);
  }
  for (const { from, to } of packed) yield* entry(from, to);
}

async function* entry(from: string, to: string): AsyncGenerator<Buffer> {
  const facts = await lstat(from);
  const seconds = Math.floor(facts.mtimeMs / 1000);
  const mode = facts.mode & 0o777;
  if (facts.isDirectory()) {
    yield head("D", mode, seconds, 0, to);
    for (const name of (await readdir(from)).sort()) yield* entry(join(from, name), `${to}/${name}`);
  } else if (facts.isSymbolicLink()) {
    const target = Buffer.from(await readlink(from));
    yield Buffer.concat([head("L", mode, seconds, target.length, to), target]);
  } else if (facts.isFile() && facts.size <= smallFile) {
    const content = await readFile(from);
    yield Buffer.concat([head("F", mode, seconds, content.length, to), content]);
  } else if (facts.isFile()) {
    yield head("F", mode, seconds, facts.size, to);
    let left = facts.size;
    for await (const chunk of createReadStream(from, { end: facts.size - 1, highWaterMark: chunkBytes })) {
      if (!Buffer.isBuffer(chunk)) continue;
      left -= chunk.length;
      yield chunk;
    }
    if (left > 0) yield Buffer.alloc(left);
  }
}

function head(kind: string, mode: number, seconds: number, size: number, path: string): Buffer {
  const name = Buffer.from(path);
  return Buffer.concat([
    Buffer.from(`${kind} ${mode.toString(8)} ${Math.max(seconds, 0)} ${size} ${name.length}\n`),
    name,
  ]);
}

export interface UnpackBounds {
  readonly files: number;
  readonly bytes: number;
}

export interface Unpacker {
  /** Takes the next bytes of a bundle; all work is done in order. False: it is over, and nothing more is kept. */
  push(chunk: Buffer): boolean;
  /** After the last byte. Faults: `corrupt`, `limit`. */
  end(): Promise<Result<void>>;
}

/**
 * Lays a bundle from a pod out below a folder. What runs there may have written it: no name leads out, none passes through
 * a link, nothing gets another owner's rights, and files and bytes are bounded.
 */
export function createUnpacker(folder: string, bounds: UnpackBounds): Unpacker {
  let waiting: Buffer[] = [];
  let arrived: (() => void) | undefined;
  let ended = false;
  let over = false;
  let result: Promise<Result<void>> | undefined;

  async function* incoming(): AsyncGenerator<Buffer> {
    for (;;) {
      const next = waiting.shift();
      if (next) {
        yield next;
        continue;
      }
      if (ended) return;
      await new Promise<void>((done) => {
        arrived = done;
      });
    }
  }

  const start = () => {
    if (result) return result;
    result = layOut(folder, bounds, incoming()).catch((cause: unknown) =>
      err(fault("corrupt", `what the pod sent cannot be laid out: ${cause instanceof Error ? cause.message : ""}`)),
    );
    void result.then(() => {
      over = true;
      waiting = [];
    });
    return result;
  };
  const wake = () => {
    arrived?.();
    arrived = undefined;
  };
  return {
    push: (chunk) => {
      if (over) return false;
      void start();
      waiting.push(chunk);
      wake();
      return true;
    },
    end: async () => {
      ended = true;
      const laid = start();
      wake();
      return await laid;
    },
  };
}

async function layOut(folder: string, bounds: UnpackBounds, incoming: AsyncGenerator<Buffer>): Promise<Result<void>> {
  let held: Buffer = Buffer.alloc(0);
  const corrupt = (why: string) => err(fault("corrupt", `what the pod sent is no bundle: ${why}`));
  /** At least `size` bytes, or fewer when no more come. */
  const need = async (size: number) => {
    const parts = [held];
    let have = held.length;
    while (have < size) {
      const next = await incoming.next();
      if (next.done) break;
      parts.push(next.value);
      have += next.value.length;
    }
    held = Buffer.concat(parts);
    return have >= size;
  };
  const take = (size: number) => {
    const taken = held.subarray(0, size);
    held = held.subarray(size);
    return taken;
  };
  const folders = new Map<string, { readonly mode: number; readonly seconds: number }>();
  let files = 0;
  let bytes = 0;
  for (;;) {
    let line = held.indexOf(10);
    while (line < 0) {
      if (held.length > 200) return corrupt("a heading without end");
      if (!(await need(held.length + 1))) return corrupt("it ends early");
      line = held.indexOf(10);
    }
    const text = take(line + 1).toString("latin1");
    const parsed = /^([DFLE]) ([0-7]{1,4}) (\d{1,12}) (\d{1,15}) (\d{1,5})\n$/.exec(text);
    if (!parsed) return corrupt("a heading that is none");
    const [, kind, modeText = "0", time = "0", sizeText = "0", lengthText = "0"] = parsed;
    if (kind === "E") break;
    const [mode, seconds, size, length] = [
      Number.parseInt(modeText, 8) & 0o777,
      Number(time),
      Number(sizeText),
      Number(lengthText),
    ];
    if (!(await need(length))) return corrupt("it ends early");
    const path = take(length).toString("utf8");
    files++;
    bytes += size;
    if (files > bounds.files) return err(fault("limit", `the job left more than ${bounds.files} files`));
    if (bytes > bounds.bytes) return err(fault("limit", `the job left more than ${bounds.bytes} bytes`));
    const names = path.split("/");
    const parent = names.slice(0, -1).join("/");
    if (names.some((name) => name === "" || name === "." || name === ".." || name.includes("\0")))
      return corrupt(`${JSON.stringify(path.slice(0, 100))} is no path`);
    // Only folders that this bundle made: so no link is passed through.
    if (parent !== "" && !folders.has(parent)) return corrupt(`${JSON.stringify(path.slice(0, 100))} stands nowhere`);
    const target = join(folder, ...names);
    if (kind === "D") {
      await mkdir(target, { mode: 0o700 });
      folders.set(path, { mode, seconds });
    } else if (kind === "L") {
      if (size > 4096 || !(await need(size))) return corrupt("a link that is none");
      await symlink(take(size).toString("utf8"), target);
    } else {
      const file = await open(target, "wx", 0o600);
      try {
        for (let left = size; left > 0; ) {
          if (held.length === 0 && !(await need(1))) return corrupt("it ends early");
          const part = take(Math.min(left, held.length));
          await file.write(part);
          left -= part.length;
        }
        await file.chmod(mode);
        await file.utimes(seconds, seconds);
      } finally {
        await file.close();
      }
    }
  }
  for (const [path, { mode, seconds }] of [...folders].reverse()) {
    await chmod(join(folder, path), mode | 0o700);
    await utimes(join(folder, path), seconds, seconds);
  }
  return ok(undefined);
}
