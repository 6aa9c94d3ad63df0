import { pipeline } from "node:stream/promises";
import { crc32, createDeflateRaw, deflateRawSync } from "node:zlib";
import { Deflate } from "pako";

/**
 * gzip whose bytes depend on its input alone: header without time, name or system, deflate at level 3. node:zlib where it
 * agrees with pako 3.0.3 on a sample (other builds of zlib write other bytes), else pako itself, slower.
 */
export interface Compression {
  readonly engine: "zlib" | "pako";
  compress(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

const level = 3;
/** RFC 1952: deflate, no flags, no time, no extra flags, system 255 (unknown). */
const header = Uint8Array.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);

/** Compares the two once, in about 0.1 s. `only` leaves the choice out, for comparing their bytes. */
export function chooseCompression(only?: "zlib" | "pako"): Compression {
  const engine = only ?? (sameAsPako() ? "zlib" : "pako");
  return { engine, compress: (source) => gzip(source, engine) };
}

function sameAsPako(): boolean {
  const sample = Buffer.alloc(300_000);
  let state = 1;
  for (let index = 0; index < sample.length; index++) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    sample[index] = index % 7 < 4 ? 0x61 + (index % 23) : state >> 16;
  }
  const mine = deflateRawSync(sample, { level });
  const theirs = new Deflate({ level, raw: true });
  theirs.push(sample, true);
  return theirs.result instanceof Uint8Array && mine.equals(theirs.result);
}

async function* gzip(source: AsyncIterable<Uint8Array>, engine: "zlib" | "pako"): AsyncGenerator<Uint8Array> {
  let sum = 0;
  let size = 0;
  async function* measured(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      sum = crc32(chunk, sum);
      size += chunk.length;
      yield chunk;
    }
  }
  yield header;
  yield* engine === "zlib" ? withZlib(measured()) : withPako(measured());
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(sum >>> 0, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield trailer;
}

async function* withZlib(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const deflate = createDeflateRaw({ level, chunkSize: 256 * 1024 });
  // A failing source destroys `deflate`, so the reader below meets the error; the promise must not be left to nobody.
  const fed = pipeline(source, deflate).catch(() => undefined);
  try {
    for await (const chunk of deflate) yield chunk;
  } finally {
    deflate.destroy();
    await fed;
  }
}

async function* withPako(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const ready: Uint8Array[] = [];
  const deflate = new Deflate({ level, raw: true });
  deflate.onData = (chunk) => {
    ready.push(typeof chunk === "string" ? Buffer.from(chunk) : Uint8Array.from(chunk));
  };
  for await (const chunk of source) {
    deflate.push(chunk, false);
    yield* ready.splice(0);
  }
  deflate.push(new Uint8Array(0), true);
  yield* ready.splice(0);
}
