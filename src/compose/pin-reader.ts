import type { Family } from "../family/index.ts";
import type { Git } from "../git/index.ts";
import type { PinReader, Trace } from "../proof/index.ts";
import type { Store } from "../store/index.ts";

const mostReleases = 20;
const mostFiles = 500;

/**
 * Which releases of deployments name an image in a version or by digest: read from their YAML at the released commits,
 * newest first, since what a release pins is what its commit says.
 */
export function pinReader(options: {
  readonly store: Store;
  readonly git: Git;
  readonly family: () => Family;
}): PinReader {
  return async (images) => {
    const found: Trace["pinSets"][number][] = [];
    if (images.length === 0) return found;
    const names = images.flatMap(({ name, tag, digest }) => [`${name}:${tag}`, `${name}@${digest}`]);
    for (const component of options.family().components.filter((each) => each.kind === "deployment")) {
      const releases = await options.store.db
        .selectFrom("releases")
        .select(["version", "commit_id"])
        .where("component", "=", component.name)
        .where("state", "in", ["published", "withdrawn"])
        .orderBy("requested_at", "desc")
        .limit(mostReleases)
        .execute();
      if (releases.length === 0) continue;
      const repository = await options.git.open(component.name);
      for (const { version, commit_id: commit } of releases) {
        const files = (await repository.listFiles(commit)).filter((file) => /\.ya?ml$/.test(file)).slice(0, mostFiles);
        for (const file of files) {
          const text = (await repository.readFile(commit, file)) ?? "";
          if (names.some((name) => pins(text, name))) found.push({ deployment: component.name, version, commit, file });
        }
      }
    }
    return found;
  };
}

/** The name stands there whole: `/image:v1.0.0` and not `/image:v1.0.0-rc1`. */
function pins(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const before = text[at - 1] ?? " ";
    const after = text[at + name.length] ?? " ";
    if (/[\s"'/]/.test(before) && /[\s"'#@,}\]]/.test(after)) return true;
  }
  return false;
}
