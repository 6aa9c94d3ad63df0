import { err, fault, ok, type Result } from "../../core/index.ts";
import type { Descriptor } from "../documents.ts";
import type { Exchange } from "./exchange.ts";
import { endpoint } from "./hosts.ts";

const mostResumes = 3;

/**
 * A blob as it arrives, in constant memory. A connection that breaks is resumed with a range from where it broke off, a
 * few times. Whoever stores the bytes compares their number and digest: a blob that ends early or never is found there.
 */
export async function openBlob(
  exchange: Exchange,
  host: string,
  repository: string,
  blob: Pick<Descriptor, "digest" | "size">,
): Promise<Result<ReadableStream<Uint8Array>>> {
  const { digest, size } = blob;
  const name = `${host}/${repository}@${digest}`;

  async function readerFrom(offset: number): Promise<Result<ReadableStreamDefaultReader<Uint8Array> | undefined>> {
    const answer = await exchange.ask({
      host,
      method: "GET",
      url: endpoint(host, `${repository}/blobs/${digest}`),
      scopes: [`repository:${repository}:pull`],
      ...(offset > 0 ? { headers: { range: `bytes=${offset}-` } } : {}),
    });
    if (!answer.ok) return answer;
    const { response } = answer.value;
    if (response.status === 404) return err(fault("not-found", `${host}/${repository} has no blob ${digest}`));
    if (response.status !== (offset > 0 ? 206 : 200)) return err(await exchange.unexpected(host, response));
    const range = response.headers.get("content-range") ?? "";
    if (offset > 0 && !range.startsWith(`bytes ${offset}-`)) {
      await response.body?.cancel();
      return err(fault("corrupt", `${name}: its bytes from ${offset} on were asked for, not ${range.slice(0, 60)}`));
    }
    return ok(response.body?.getReader());
  }

  const first = await readerFrom(0);
  if (!first.ok) return first;
  let reader = first.value;
  let done = 0;
  let resumes = 0;

  async function next(): Promise<Uint8Array | undefined> {
    for (;;) {
      try {
        return (await reader?.read())?.value;
      } catch (broken) {
        if (resumes >= mostResumes || done >= size) throw broken;
        resumes += 1;
        const again = await readerFrom(done);
        if (!again.ok) throw new Error(`${name} broke off, and ${again.error.message}`, { cause: broken });
        reader = again.value;
      }
    }
  }

  const stream = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const piece = await next();
        if (piece === undefined) return controller.close();
        done += piece.length;
        controller.enqueue(piece);
      },
      cancel: async (reason) => await reader?.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return ok(stream);
}
