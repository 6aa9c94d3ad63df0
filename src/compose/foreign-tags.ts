import type { Clock } from "../core/index.ts";
import type { ImageRegistry } from "../oci/index.ts";
import { publicationsOf, releasesOf } from "../release/index.ts";
import type { Store } from "../store/index.ts";

/** A registry that takes longer is asked again before its tag is written. */
const patienceMs = 15_000;

export interface ForeignTagsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly registries: () => readonly ImageRegistry[];
  readonly repositoryOf: (image: string) => string;
  readonly imageNames: (component: string, commit: string) => Promise<readonly string[]>;
  readonly tell: (line: string) => void;
}

/** Design 2.3: every release registry is asked before anything is built. One that cannot be reached is asked again later. */
export function foreignTagsFinder(options: ForeignTagsOptions) {
  const { store, clock } = options;
  return async (component: string, tag: string, commit: string): Promise<readonly string[]> => {
    const ours = new Set<string>();
    for (const release of await releasesOf(store, component)) {
      if (release.version !== tag) continue;
      for (const row of await publicationsOf(store.db, release.id))
        ours.add(`${row.registry} ${row.image} ${row.digest}`);
    }
    const images = await options.imageNames(component, commit);
    const asked = options.registries().map(async (registry) => {
      const found: string[] = [];
      for (const image of images) {
        const repository = options.repositoryOf(image);
        const there = await inTime(clock, registry.resolve(repository, tag));
        if (!there?.ok) {
          const why = there ? there.error.message : "no answer in time";
          options.tell(
            `${registry.name} was not asked whether it has ${image}:${tag} (${why}); it is before the tag is written`,
          );
          return found;
        }
        if (there.value && !ours.has(`${registry.name} ${image} ${there.value.digest}`))
          found.push(`${registry.name}/${repository}:${tag}`);
      }
      return found;
    });
    return (await Promise.all(asked)).flat();
  };
}

async function inTime<T>(clock: Clock, answer: Promise<T>): Promise<T | undefined> {
  let cancel = () => {};
  const late = new Promise<undefined>((done) => {
    cancel = clock.after(patienceMs, () => done(undefined));
  });
  return await Promise.race([answer, late]).finally(() => cancel());
}
