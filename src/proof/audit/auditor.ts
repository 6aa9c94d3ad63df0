import type { Clock, Millis } from "../../core/index.ts";
import { type Family, looksLikeVersion } from "../../family/index.ts";
import type { ImageRegistry } from "../../oci/index.ts";
import type { Store } from "../../store/index.ts";
import { compareWithRecord } from "./compare.ts";
import type { AuditFinding, RecordedTag, SeenImage } from "./model.ts";
import { adoptedTags, keepAudit, recordedTags } from "./records.ts";

export interface AuditorOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly family: () => Family;
  /** Every registry of `registries.release`. */
  readonly registries: () => readonly ImageRegistry[];
  readonly repositoryOf: (image: string) => string;
  /** Told of each new finding, as a line for the log. */
  readonly onFindings: (findings: readonly AuditFinding[]) => void;
  readonly onBug: (error: unknown) => void;
}

/** Compares registries with the record, on a schedule and on demand. It reads, tells, and changes nothing there. */
export interface Auditor {
  /** Audits now; whoever asks while one runs gets that one. */
  audit(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

/** How often it looks whether an audit is due: the family file may change what is due. */
const lookEveryMs = 60_000;
const signatureType = /^application\/vnd\.dev\.(sigstore|cosign)\./;

export function createAuditor(options: AuditorOptions): Auditor {
  const { store, clock } = options;
  let running: Promise<void> | undefined;
  let cancel = () => {};
  let stopped = false;

  async function auditNow(): Promise<void> {
    const startedAt = clock.now();
    const record = await recordedTags(store);
    const images = imagesOf(record);
    const read = await Promise.all(options.registries().map((registry) => readRegistry(registry, images, record)));
    const adopted = await adoptedTags(store);
    const seen = read.flatMap((each) => each.seen);
    const findings = compareWithRecord(
      record,
      seen,
      (image) => images.get(image) ?? image,
      (component, tag) => adopted.has(`${component} ${tag}`),
    );
    const fresh = await keepAudit(
      store,
      {
        startedAt,
        finishedAt: clock.now(),
        compared: seen.reduce((sum, image) => sum + image.tags.size, 0),
        unread: read.flatMap((each) => (each.unread === undefined ? [] : [each.unread])),
        findings,
      },
      options.family().configHash,
    );
    if (fresh.length > 0) options.onFindings(fresh);
  }

  /** Image names with their component: those of the record and those the family file gives out. */
  function imagesOf(record: readonly RecordedTag[]): ReadonlyMap<string, string> {
    const images = new Map(record.map((entry) => [entry.image, entry.component]));
    for (const component of options.family().components)
      for (const image of component.images ?? []) images.set(image, component.name);
    return images;
  }

  /** A registry that fails once is not asked on: what it holds of the rest is not known, and said to be so. */
  async function readRegistry(
    registry: ImageRegistry,
    images: ReadonlyMap<string, string>,
    record: readonly RecordedTag[],
  ): Promise<{ readonly seen: readonly SeenImage[]; readonly unread?: { registry: string; reason: string } }> {
    const seen: SeenImage[] = [];
    for (const image of images.keys()) {
      const repository = options.repositoryOf(image);
      const unread = (reason: string) => ({ seen, unread: { registry: registry.name, reason } });
      const listed = await registry.tags(repository);
      if (!listed.ok) return unread(listed.error.message);
      const recorded = record.filter((entry) => entry.image === image);
      const there = new Set(listed.value);
      const wanted = new Set([...listed.value.filter(looksLikeVersion), ...recorded.map((entry) => entry.tag)]);
      const tags = new Map<string, string | undefined>();
      const signed = new Set<string>();
      for (const tag of wanted) {
        const means = await registry.resolve(repository, tag);
        if (!means.ok) return unread(means.error.message);
        tags.set(tag, means.value?.digest);
        if (!means.value) continue;
        const { digest } = means.value;
        const attached = await registry.referrers(repository, digest);
        if (!attached.ok) return unread(attached.error.message);
        const bundled = attached.value.some((each) => signatureType.test(each.artifactType ?? ""));
        // The older form that standard tools still write: a tag named after the digest.
        if (bundled || there.has(`${digest.replace(":", "-")}.sig`)) signed.add(digest);
      }
      seen.push({ registry: registry.name, image, tags, signed });
    }
    return { seen };
  }

  function audit(): Promise<void> {
    running ??= auditNow().finally(() => {
      running = undefined;
    });
    return running;
  }

  async function due(): Promise<boolean> {
    const every: Millis | undefined = options.family().registries.auditEveryMs;
    if (every === undefined) return false;
    const last = await store.db
      .selectFrom("audits")
      .select((eb) => eb.fn.max("finished_at").as("at"))
      .executeTakeFirst();
    return clock.now() - Number(last?.at ?? 0) >= every;
  }

  function schedule(): void {
    cancel = clock.after(lookEveryMs, () => {
      void (async () => {
        if (await due()) await audit();
      })()
        .catch(options.onBug)
        .finally(() => {
          if (!stopped) schedule();
        });
    });
  }

  return {
    audit,
    start: schedule,
    stop: async () => {
      stopped = true;
      cancel();
      await running?.catch(() => undefined);
    },
  };
}
