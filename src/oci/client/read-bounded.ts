import { err, fault, ok, type Result } from "../../core/index.ts";

/** The whole answer, if it has at most `limit` bytes. Faults: `limit`, `unavailable` when it breaks off. */
export async function readBounded(response: Response, limit: number): Promise<Result<Uint8Array>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > limit) return err(fault("limit", `the answer has more than ${limit} bytes`));
      chunks.push(chunk);
    }
  } catch (error) {
    return err(fault("unavailable", "the connection broke while the answer was read", { cause: error }));
  }
  return ok(Buffer.concat(chunks));
}
