import type { KnownRelease, TagFacts } from "./model.ts";

/**
 * The tags that count as releases: all but those that are held back or were given up. A tag that somebody pushed by mistake
 * shifts neither the next version nor what the one after it is compared with.
 */
export function countedTags<Tag extends Pick<TagFacts, "name" | "object">>(
  tags: readonly Tag[],
  releases: readonly Pick<KnownRelease, "version" | "tagObject" | "state">[],
): readonly Tag[] {
  const held = new Set(
    releases
      .filter((release) => release.state === "quarantined" || release.state === "closed")
      .map((release) => `${release.version} ${release.tagObject}`),
  );
  const goes = new Set(
    releases
      .filter((release) => release.state !== "quarantined" && release.state !== "closed")
      .map((release) => `${release.version} ${release.tagObject}`),
  );
  return tags.filter((tag) => {
    const key = `${tag.name} ${tag.object}`;
    return goes.has(key) || !held.has(key);
  });
}
