import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Assets {
  /** Address of a style or island by its plain name: `/assets/main.1f2e3d4c5b.css`. */
  urlOf(name: string): string;
  /** The bytes behind a named asset; `undefined`: there is none. */
  read(file: string): { readonly bytes: Buffer; readonly type: string } | undefined;
}

const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** Reads what the build left in `folder`, once. Without a build pages come without style. */
export function loadAssets(folder: string): Assets {
  const manifest = new Map<string, string>(Object.entries(readManifest(join(folder, "manifest.json"))));
  const files = new Map<string, { bytes: Buffer; type: string }>();
  for (const file of manifest.values()) {
    const type = types[file.slice(file.lastIndexOf(".") + 1)];
    if (type !== undefined) files.set(file, { bytes: readFileSync(join(folder, file)), type });
  }
  return {
    urlOf: (name) => `/assets/${manifest.get(name) ?? name}`,
    read: (file) => files.get(file),
  };
}

function readManifest(file: string): Record<string, string> {
  try {
    const value: Record<string, string> = JSON.parse(readFileSync(file, "utf8"));
    return value;
  } catch {
    return {};
  }
}
