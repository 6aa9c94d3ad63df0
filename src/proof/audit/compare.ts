import type { AuditFinding, FindingKind, RecordedTag, SeenImage } from "./model.ts";

/** Compares what registries hold with the record. `ownerOf`: whose image it is; `isAdopted`: a version older than Fairlead. */
export function compareWithRecord(
  record: readonly RecordedTag[],
  seen: readonly SeenImage[],
  ownerOf: (image: string) => string,
  isAdopted: (component: string, tag: string) => boolean,
): readonly AuditFinding[] {
  const recorded = new Map(record.map((entry) => [`${entry.image}:${entry.tag}`, entry]));
  const signed = new Set(seen.flatMap((each) => [...each.signed]));
  const findings: AuditFinding[] = [];
  for (const image of seen) {
    for (const [tag, found] of image.tags) {
      const entry = recorded.get(`${image.image}:${tag}`);
      const kind = entry ? differenceOf(entry, image, found, signed) : strangerOf(image, tag);
      if (kind === undefined) continue;
      findings.push({
        kind,
        registry: image.registry,
        component: entry?.component ?? ownerOf(image.image),
        image: image.image,
        tag,
        release: entry?.release,
        expected: entry?.digest,
        found,
      });
    }
  }
  return findings;

  function strangerOf({ image }: SeenImage, tag: string): FindingKind | undefined {
    return isAdopted(ownerOf(image), tag) ? undefined : "unexpected";
  }
}

function differenceOf(
  entry: RecordedTag,
  { registry, signed: here }: SeenImage,
  found: string | undefined,
  signed: ReadonlySet<string>,
): FindingKind | undefined {
  const published = entry.at.get(registry) === "published";
  if (found === undefined) {
    if (published) return "deleted";
    // What is still being published is on its way, not missing.
    return entry.complete ? "missing" : undefined;
  }
  if (found !== entry.digest) return published ? "moved" : "unexpected";
  return signed.has(found) && !here.has(found) ? "unsigned" : undefined;
}
