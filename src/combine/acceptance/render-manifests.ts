import type { PinSet } from "../pin-sets/model.ts";
import { findImage } from "../pin-sets/model.ts";
import { loadedReference } from "./deploy-environment.ts";

/** A reference to an image in a manifest, as `src/config` finds it. */
export interface ImagePlace {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** The manifest with the images of the set in the place of what it names; other images stay. */
export function renderManifest(text: string, places: readonly ImagePlace[], set: PinSet, registry: string): string {
  let rendered = text;
  for (const place of [...places].sort((a, b) => b.start - a.start)) {
    const found = findImage(set, place.name);
    if (!found) continue;
    const reference = loadedReference(registry, found.component, place.name);
    rendered = rendered.slice(0, place.start) + reference + rendered.slice(place.end);
  }
  return rendered;
}
