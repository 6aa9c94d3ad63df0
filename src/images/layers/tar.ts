import type { Result } from "../../core/index.ts";

/** One member of a layer. Owner, mode and time are given, never taken from the file: two machines make the same bytes. */
export interface TarEntry {
  /** Without a leading slash; folders end with one. */
  readonly path: string;
  readonly kind: "file" | "folder" | "link";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly target: string;
  /** Of files: opened when its turn comes. */
  readonly open: () => Promise<Result<AsyncIterable<Uint8Array>>>;
  /** More pax records, for Windows. */
  readonly pax?: Readonly<Record<string, string>> | undefined;
}

const block = 512;
const types = { file: "0", folder: "5", link: "2" } as const;

/** POSIX ustar, with a pax header only where a name or a size does not fit. A file that changed its size is an error. */
export async function* tarBytes(entries: readonly TarEntry[], seconds: number): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    const pax = paxRecords(entry);
    if (pax.length > 0) {
      const body = Buffer.from(pax.join(""));
      yield header(
        { ...entry, path: "PaxHeaders/entry", size: body.length, target: "", uid: 0, gid: 0, mode: 0o644 },
        "x",
        seconds,
      );
      yield padded(body);
    }
    yield header(entry, types[entry.kind], seconds);
    if (entry.kind !== "file") continue;
    const content = await entry.open();
    if (!content.ok) throw new LayerInputError(content.error.message);
    let size = 0;
    for await (const chunk of content.value) {
      size += chunk.length;
      if (size > entry.size) break;
      yield chunk;
    }
    if (size !== entry.size) throw new LayerInputError(`${entry.path} changed while it was read`);
    if (size % block !== 0) yield Buffer.alloc(block - (size % block));
  }
  yield Buffer.alloc(2 * block);
}

/** An input that cannot be put into a layer: told as a fault by whoever writes the layer. */
export class LayerInputError extends Error {}

function header(entry: TarEntry, type: string, seconds: number): Buffer {
  const bytes = Buffer.alloc(block);
  const { name, prefix } = splitName(entry.path) ?? {
    name: Buffer.from(entry.path).subarray(0, 100),
    prefix: Buffer.alloc(0),
  };
  name.copy(bytes, 0);
  octal(bytes, entry.mode, 100, 8);
  octal(bytes, Math.min(entry.uid, 0o7777777), 108, 8);
  octal(bytes, Math.min(entry.gid, 0o7777777), 116, 8);
  octal(bytes, entry.size > 0o77777777777 ? 0 : entry.size, 124, 12);
  octal(bytes, Math.max(seconds, 0), 136, 12);
  bytes.fill(0x20, 148, 156);
  bytes.write(type, 156);
  Buffer.from(entry.target).subarray(0, 100).copy(bytes, 157);
  bytes.write("ustar\u000000", 257, "latin1");
  octal(bytes, 0, 329, 8);
  octal(bytes, 0, 337, 8);
  prefix.copy(bytes, 345);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\u0000 `, 148, "latin1");
  return bytes;
}

function octal(bytes: Buffer, value: number, at: number, length: number): void {
  bytes.write(`${value.toString(8).padStart(length - 1, "0")}\u0000`, at, "latin1");
}

function splitName(path: string): { readonly name: Buffer; readonly prefix: Buffer } | undefined {
  const bytes = Buffer.from(path);
  if (bytes.length <= 100) return { name: bytes, prefix: Buffer.alloc(0) };
  for (let slash = bytes.indexOf("/"); slash >= 0; slash = bytes.indexOf("/", slash + 1)) {
    const rest = bytes.length - slash - 1;
    if (slash <= 155 && rest <= 100 && rest > 0)
      return { prefix: bytes.subarray(0, slash), name: bytes.subarray(slash + 1) };
  }
  return undefined;
}

function paxRecords(entry: TarEntry): readonly string[] {
  const records: string[] = [];
  if (!splitName(entry.path)) records.push(paxRecord("path", entry.path));
  if (Buffer.byteLength(entry.target) > 100) records.push(paxRecord("linkpath", entry.target));
  if (entry.size > 0o77777777777) records.push(paxRecord("size", String(entry.size)));
  if (entry.uid > 0o7777777) records.push(paxRecord("uid", String(entry.uid)));
  if (entry.gid > 0o7777777) records.push(paxRecord("gid", String(entry.gid)));
  for (const [key, value] of Object.entries(entry.pax ?? {})) records.push(paxRecord(key, value));
  return records;
}

/** `LENGTH key=value\n`, the length counting itself. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((block - (body.length % block)) % block)]);
}
