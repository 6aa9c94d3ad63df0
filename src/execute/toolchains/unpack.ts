import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import tar from "tar-stream";
import yauzl from "yauzl";
import { err, fault, ok, type Result } from "../../core/index.ts";

/** What an archive may hold: more is a bomb, or no tool. */
const bounds = { files: 100_000, bytes: 4 * 1024 ** 3 };

/** Unpacks by what the file begins with: zip, gzip'd tar, else one program called `name`. Faults: `bad-input`, `limit`. */
export async function unpack(archive: string, folder: string, name: string): Promise<Result<void>> {
  const head = await firstBytes(archive);
  try {
    if (head.subarray(0, 4).toString("latin1") === "PK\u0003\u0004") return await unpackZip(archive, folder, () => {});
    if (head[0] === 0x1f && head[1] === 0x8b) return await unpackTar(archive, folder);
  } catch (cause) {
    return err(fault("bad-input", `the archive cannot be read: ${cause instanceof Error ? cause.message : ""}`));
  }
  await mkdir(join(folder, "bin"), { recursive: true });
  await copyFile(archive, join(folder, "bin", name));
  await chmod(join(folder, "bin", name), 0o755);
  return ok(undefined);
}

/**
 * Unpacks a zip archive, and tells the sum of each file by its name in it. Nothing but files; no name leads out of the
 * folder.
 */
export async function unpackZip(
  archive: string,
  folder: string,
  tellSum: (name: string, sha256: string) => void,
): Promise<Result<void>> {
  const zip = await yauzl.openPromise(archive, { validateEntrySizes: true });
  const budget = createBudget();
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName.endsWith("/")) continue;
    const kind = (entry.externalFileAttributes >>> 16) & 0o170000;
    if (kind !== 0 && kind !== 0o100000) return err(unsafe(entry.fileName, "is no plain file"));
    const stream = await zip.openReadStreamPromise(entry);
    const executable = ((entry.externalFileAttributes >>> 16) & 0o111) !== 0;
    const written = await writeInto(folder, entry.fileName, stream, executable, budget);
    if (!written.ok) return written;
    tellSum(entry.fileName, written.value);
  }
  return ok(undefined);
}

async function unpackTar(archive: string, folder: string): Promise<Result<void>> {
  const extract = tar.extract();
  const budget = createBudget();
  let refused: Result<void> = ok(undefined);
  const reading = pipeline(createReadStream(archive), createGunzip(), extract);
  // A stream that is given up ends its pipeline with an error that says nothing more.
  reading.catch(() => undefined);
  for await (const entry of extract) {
    const { name, type, mode } = entry.header;
    if (type === "directory") {
      entry.resume();
      continue;
    }
    const written =
      type === "file"
        ? await writeInto(folder, name, entry, ((mode ?? 0) & 0o111) !== 0, budget)
        : err(unsafe(name, `is a ${type}; archives of tools hold files`));
    if (written.ok) continue;
    refused = written;
    break;
  }
  if (!refused.ok) {
    extract.destroy();
    return refused;
  }
  await reading;
  return ok(undefined);
}

interface Budget {
  files: number;
  bytes: number;
}

const createBudget = (): Budget => ({ files: bounds.files, bytes: bounds.bytes });

/** Answers the file's sum. */
async function writeInto(
  folder: string,
  name: string,
  content: AsyncIterable<unknown> & { destroy(): unknown },
  executable: boolean,
  budget: Budget,
): Promise<Result<string>> {
  const segments = name.replace(/^(\.\/)+/, "").split("/");
  const leadsOut = segments.some((segment) => segment === "" || segment === "." || segment === "..");
  if (leadsOut || name.startsWith("/") || /[\0\\]/.test(name) || name.length > 1000) {
    content.destroy();
    return err(unsafe(name, "leads out of its folder"));
  }
  budget.files -= 1;
  const path = join(folder, ...segments);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const sum = createHash("sha256");
  let over = budget.files < 0;
  try {
    await pipeline(
      content,
      async function* (chunks: AsyncIterable<unknown>) {
        for await (const chunk of chunks) {
          if (!(chunk instanceof Uint8Array)) continue;
          budget.bytes -= chunk.length;
          over ||= budget.bytes < 0;
          if (over) throw new Error("over");
          sum.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(path, { flags: "wx", mode: executable ? 0o755 : 0o644 }),
    );
  } catch (cause) {
    if (over) return err(fault("limit", "the archive holds more than a tool may"));
    const twice = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    return err(twice ? unsafe(name, "is there twice") : fault("bad-input", `${name} cannot be unpacked`, { cause }));
  }
  return ok(sum.digest("hex"));
}

function unsafe(name: string, why: string) {
  return fault("bad-input", `the archive is not unpacked: ${JSON.stringify(name.slice(0, 200))} ${why}`);
}

async function firstBytes(path: string): Promise<Buffer> {
  for await (const chunk of createReadStream(path, { end: 7 })) return Buffer.from(chunk);
  return Buffer.alloc(0);
}
