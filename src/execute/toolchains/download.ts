import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { err, fault, ok, type Result } from "../../core/index.ts";

const mostBytes = 1024 ** 3;
const mostText = 1024 * 1024;
const timeoutMs = 15 * 60_000;

/** Small answers: at most 1 MiB. Faults: `unavailable`, `limit`. */
export async function readAddress(address: string): Promise<Result<Buffer>> {
  const answer = await get(address);
  if (!answer.ok) return answer;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.value) {
      size += chunk.length;
      if (size > mostText) return err(fault("limit", `${address} answers more than ${mostText} bytes`));
      chunks.push(chunk);
    }
  } catch (cause) {
    return err(unavailable(address, cause));
  }
  return ok(Buffer.concat(chunks));
}

/** Writes what an address or an absolute path holds into a file; answers its SHA-256 in hex. */
export async function download(address: string, file: string): Promise<Result<string>> {
  const source = address.startsWith("/") ? ok(createReadStream(address)) : await get(address);
  if (!source.ok) return source;
  const sum = createHash("sha256");
  let size = 0;
  try {
    await pipeline(
      source.value,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          size += chunk.length;
          if (size > mostBytes) throw new Error(`more than ${mostBytes} bytes`);
          sum.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(file, { flags: "wx", mode: 0o600 }),
    );
  } catch (cause) {
    return err(
      size > mostBytes ? fault("limit", `${address} holds more than ${mostBytes} bytes`) : unavailable(address, cause),
    );
  }
  return ok(sum.digest("hex"));
}

async function get(address: string): Promise<Result<Readable>> {
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(timeoutMs) });
    if (answer.ok && answer.body) return ok(Readable.from(answer.body));
    await answer.body?.cancel();
    return err(fault("unavailable", `${address} answers ${answer.status}`));
  } catch (cause) {
    return err(unavailable(address, cause));
  }
}

function unavailable(address: string, cause: unknown) {
  const reason = cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : "";
  return fault("unavailable", `${address} cannot be read: ${reason}`, { cause });
}
