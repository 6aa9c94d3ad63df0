import { err, fault, ok, type Result } from "../../core/index.ts";
import type { Pin } from "../../family/index.ts";
import { readManifest, stringsUnder } from "./manifest.ts";

const mostPins = 2000;
// OCI distribution 1.1: name, tag and digest of a reference; the registry is a host with a dot or a port, or none.
const reference =
  /^((?:[A-Za-z0-9.-]+(?::\d{1,5})?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/;

/**
 * The images that a manifest names under `image:`. Fault `bad-input` with the place of what cannot be read: no YAML, a
 * template, a reference that is none. `limit` above 2,000 images.
 */
export function readPins(file: string, text: string): Result<readonly Pin[]> {
  const manifest = readManifest(file, text);
  if (!manifest.ok) return manifest;
  const pins: Pin[] = [];
  for (const { value, start, end } of stringsUnder(manifest.value, "image")) {
    const place = { file, ...manifest.value.placeAt(start) };
    if (/\{\{|\$[{(A-Za-z_]/.test(value))
      return err(
        fault("bad-input", `${JSON.stringify(value.slice(0, 200))} is a template, so what it pins cannot be known`, {
          place,
          hint: "name rendered manifests in `pins:`",
        }),
      );
    const match = value.length <= 1000 ? reference.exec(value) : null;
    // Written over several lines, or with escapes, it could not be edited in place.
    if (!match || text.slice(start, end) !== value)
      return err(fault("bad-input", `${JSON.stringify(value.slice(0, 200))} is no image reference`, { place }));
    const repository = match[1] ?? "";
    const name = repository.slice(repository.lastIndexOf("/") + 1);
    pins.push({ ...place, text: value, repository, name, tag: match[2], digest: match[3], start, end });
    if (pins.length > mostPins) return err(fault("limit", `${file} names more than ${mostPins} images`, { place }));
  }
  return ok(pins);
}

/** What a pin is to become: a tag, a digest, or both. */
export interface PinEdit {
  readonly pin: Pin;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Everything else stays as it is, byte by byte: comments, order, indentation, quotes. */
export function editPins(text: string, edits: readonly PinEdit[]): string {
  let edited = text;
  // From the end, so that earlier places stay right.
  for (const { pin, tag, digest } of [...edits].sort((a, b) => b.pin.start - a.pin.start)) {
    const reference = `${pin.repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
    edited = `${edited.slice(0, pin.start)}${reference}${edited.slice(pin.end)}`;
  }
  return edited;
}
