import { looksLikeVersion } from "../family/index.ts";
import type { Trx } from "../store/index.ts";
import { claimTag, moveTag } from "./records.ts";

/**
 * Writes a tag that policy allowed; answers false when a version tag got other bytes in between. Compared inside the
 * transaction, since two pushes may both have seen it free.
 */
export async function judgeTagWrite(
  trx: Trx,
  repository: string,
  tag: string,
  digest: string,
  at: number,
): Promise<boolean> {
  if (looksLikeVersion(tag)) return (await claimTag(trx, repository, tag, digest, at)) === digest;
  await moveTag(trx, repository, tag, digest, at);
  return true;
}
