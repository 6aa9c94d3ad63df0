import { err, ok, type Result } from "../core/index.ts";
import type { Platform, ReleaseConfiguration, ReleaseImage, ReleasePlatform } from "../family/index.ts";
import { type Diagnostic, faultOf } from "./diagnostics.ts";
import { needsOf } from "./needs.ts";
import { type ReleaseDocument, releaseSchema } from "./release-schema.ts";
import { readYaml } from "./yaml-document.ts";

export const releaseFileName = ".fairlead.yaml";

/** Reads `.fairlead.yaml` of a revision. `here` is the platform of images that name none. */
export function readReleaseFile(text: string, here: Platform): Result<ReleaseConfiguration> {
  const read = readYaml(releaseFileName, text, releaseSchema);
  if (read.value === undefined) return err(firstFault(read.diagnostics));
  const document = read.value;
  const twin = document.images.findIndex((image, index) =>
    document.images.some((other, earlier) => earlier < index && other.name === image.name),
  );
  if (twin >= 0) {
    const message = `the image ${document.images[twin]?.name} is listed twice`;
    const place = { file: releaseFileName, ...read.placeOf(["images", twin, "name"]) };
    return err(faultOf({ severity: "error", code: "duplicate-image", ...place, message }));
  }
  return ok({
    origin: releaseFileName,
    toolchain: document.toolchain,
    build: document.build,
    test: document.test,
    push: document.push,
    e2e: document.e2e,
    images: document.images.map((image) => imageOf(image, here)),
    files: document.files,
    pins: document.pins,
    shared: document.shared,
    needs: [
      ...new Set([
        ...Object.keys(document.toolchain),
        ...[document.build, document.test, document.push].flatMap((script) => needsOf(script ?? "")),
      ]),
    ],
  });
}

function firstFault(diagnostics: readonly Diagnostic[]) {
  const [first, ...rest] = diagnostics;
  if (!first) throw new Error("a failed reading has a diagnostic");
  const more = rest.length > 0 ? `; and ${rest.length} more` : "";
  return faultOf({ ...first, message: `${first.message}${more}` });
}

function imageOf(image: ReleaseDocument["images"][number], here: Platform): ReleaseImage {
  const platforms = image.platforms?.map((entry): ReleasePlatform => {
    if (typeof entry === "string")
      return { platform: platformOf(entry, undefined), dockerfile: undefined, args: {}, suffix: "" };
    const { dockerfile, args, suffix } = entry;
    return { platform: platformOf(entry.platform, entry.osVersion), dockerfile, args, suffix };
  });
  return {
    name: image.name,
    dockerfile: image.dockerfile,
    platforms: platforms ?? [{ platform: here, dockerfile: undefined, args: {}, suffix: "" }],
    args: image.args,
    version: image.version,
    builder: image.builder,
  };
}

function platformOf(text: string, osVersion: string | undefined): Platform {
  const [os = "", architecture = "", variant] = text.split("/");
  return { os, architecture, variant, osVersion };
}
