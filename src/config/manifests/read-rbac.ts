import { ok, type Result } from "../../core/index.ts";
import { readManifest } from "./manifest.ts";

const mostRules = 20_000;

/** What roles allow, one `Role name: group/resource verb` each, sorted. Fault as of `readPins`. */
export function readRbac(file: string, text: string): Result<readonly string[]> {
  const manifest = readManifest(file, text);
  if (!manifest.ok) return manifest;
  const allowed = new Set<string>();
  for (const document of manifest.value.documents) {
    const plain: unknown = document.toJS({ maxAliasCount: 100 });
    const kind = textAt(plain, "kind");
    if (kind !== "Role" && kind !== "ClusterRole") continue;
    const name = textAt(valueAt(plain, "metadata"), "name");
    for (const rule of listAt(plain, "rules")) {
      const what = [
        ...listAt(rule, "resources").flatMap((resource) =>
          listAt(rule, "apiGroups").map((group) => `${String(group)}/${String(resource)}`),
        ),
        ...listAt(rule, "nonResourceURLs").map(String),
      ];
      for (const each of what)
        for (const verb of listAt(rule, "verbs"))
          if (allowed.size < mostRules) allowed.add(`${kind} ${name}: ${each} ${String(verb)}`);
    }
  }
  return ok([...allowed].sort());
}

function valueAt(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}

function listAt(value: unknown, key: string): readonly unknown[] {
  const found = valueAt(value, key);
  return Array.isArray(found) ? found : [];
}

function textAt(value: unknown, key: string): string {
  const found = valueAt(value, key);
  return typeof found === "string" ? found : "";
}
