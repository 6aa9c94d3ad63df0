import type { Result } from "../core/index.ts";
import type { Descriptor, Digest } from "./documents.ts";
import type { RegistryClient } from "./registry-client.ts";

/** What refers to a manifest: from the registry's list, or from the index under the tag where it has none. */
export async function referrersOf(
  client: RegistryClient,
  host: string,
  repository: string,
  subject: Digest,
): Promise<Result<readonly Descriptor[]>> {
  return await client.referrers(host, repository, subject);
}
