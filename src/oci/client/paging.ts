import { err, fault, ok, type Result } from "../../core/index.ts";
import { isTagName } from "../reference.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { endpoint } from "./hosts.ts";
import { readBounded } from "./read-bounded.ts";

const mostTags = 100_000;
const largestPage = 16 * 1024 * 1024;
const pageSize = 1000;

/** RFC 8288: `Link: <…>; rel="next"`, at the same registry; anything else ends the list. */
export function nextPage(host: string, answer: Answer): URL | undefined {
  const link = answer.response.headers.get("link") ?? "";
  const found = /<([^>]{1,4000})>\s*;[^,]*\brel="?next"?/i.exec(link)?.[1];
  if (found === undefined || !URL.canParse(found, answer.url.href)) return undefined;
  const next = new URL(found, answer.url);
  return next.host === host && next.href !== answer.url.href ? next : undefined;
}

/** All tags of a repository, following the pages. A repository that is not there has none. Fault `limit` beyond 100,000. */
export async function listTags(
  exchange: Exchange,
  host: string,
  repository: string,
): Promise<Result<readonly string[]>> {
  const tags = new Set<string>();
  let page: URL | undefined = endpoint(host, `${repository}/tags/list?n=${pageSize}`);
  while (page) {
    const answer = await exchange.ask({
      host,
      method: "GET",
      url: page,
      scopes: [`repository:${repository}:pull`],
    });
    if (!answer.ok) return answer;
    const { response } = answer.value;
    if (response.status === 404) {
      await response.body?.cancel();
      return ok([...tags]);
    }
    if (response.status !== 200) return err(await exchange.unexpected(host, response));
    const bytes = await readBounded(response, largestPage);
    if (!bytes.ok) return bytes;
    const listed = tagsOf(bytes.value);
    if (!listed) return err(fault("corrupt", `${host}/${repository} answers no list of tags`));
    const before = tags.size;
    for (const tag of listed) tags.add(tag);
    if (tags.size > mostTags) return err(fault("limit", `${host}/${repository} has more than ${mostTags} tags`));
    // A page that brings nothing new ends a list that leads in a circle.
    page = tags.size > before ? nextPage(host, answer.value) : undefined;
  }
  return ok([...tags]);
}

function tagsOf(bytes: Uint8Array): readonly string[] | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof answer !== "object" || answer === null || !("tags" in answer)) return undefined;
  const { tags } = answer;
  // Go's registries write `null` for none.
  if (tags === null) return [];
  if (!Array.isArray(tags)) return undefined;
  return tags.filter((tag): tag is string => typeof tag === "string" && isTagName(tag));
}
