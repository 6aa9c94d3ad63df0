import { sha256Hex } from "../core/index.ts";
import type { Descriptor, Platform } from "../oci/index.ts";
import type { GoModule } from "./go-build-info.ts";
import type { ImageFile, ImageFiles } from "./image-files.ts";

/** In-toto's predicate type of an SPDX document. */
export const spdxPredicate = "https://spdx.dev/Document";

export interface SbomFacts {
  /** `family/image`. */
  readonly repository: string;
  readonly version: string;
  readonly manifest: Descriptor;
  readonly platform: Platform;
  readonly source: string;
  /** The commit's time as the image has it, RFC 3339; so the same image has the same document. */
  readonly created: string;
  readonly tool: string;
  readonly bases: readonly { readonly reference: string; readonly digest: string }[];
  /** Files of the layers that were added to the base; of all layers where the base is not known. */
  readonly contents: ImageFiles;
}

interface Package {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo: string;
  readonly downloadLocation: string;
  readonly filesAnalyzed: boolean;
  readonly licenseConcluded: "NOASSERTION";
  readonly licenseDeclared: "NOASSERTION";
  readonly copyrightText: "NOASSERTION";
  readonly checksums?: readonly { readonly algorithm: string; readonly checksumValue: string }[];
  readonly externalRefs?: readonly {
    readonly referenceCategory: string;
    readonly referenceType: string;
    readonly referenceLocator: string;
  }[];
  readonly primaryPackagePurpose?: string;
  readonly sourceInfo?: string;
}

interface Relationship {
  readonly spdxElementId: string;
  readonly relationshipType: string;
  readonly relatedSpdxElement: string;
}

const imageId = "SPDXRef-Image";

/** An SPDX 2.3 document of one platform of an image: its base, its files, and the modules its Go binaries were made of. */
export function spdxDocument(facts: SbomFacts): Readonly<Record<string, unknown>> {
  const { manifest, repository, version, platform, contents } = facts;
  const packages = new Map<string, Package>();
  const relationships: Relationship[] = [];
  const relate = (from: string, type: string, to: string) =>
    relationships.push({ spdxElementId: from, relationshipType: type, relatedSpdxElement: to });
  const image = repository.slice(repository.lastIndexOf("/") + 1);
  const architecture = `${platform.os}/${platform.architecture}${platform.variant ? `/${platform.variant}` : ""}`;
  packages.set(imageId, {
    ...packageOf(imageId, repository, version),
    checksums: [{ algorithm: "SHA256", checksumValue: hexOf(manifest.digest) }],
    externalRefs: [purl(`pkg:oci/${image}@${encodeURIComponent(manifest.digest)}?arch=${platform.architecture}`)],
    primaryPackagePurpose: "CONTAINER",
    sourceInfo: `${architecture}, built from ${facts.source}`,
  });
  relate("SPDXRef-DOCUMENT", "DESCRIBES", imageId);
  for (const base of facts.bases) {
    const id = `SPDXRef-Base-${hexOf(base.digest).slice(0, 16)}`;
    packages.set(id, {
      ...packageOf(id, base.reference, base.digest),
      checksums: [{ algorithm: "SHA256", checksumValue: hexOf(base.digest) }],
      primaryPackagePurpose: "CONTAINER",
    });
    relate(imageId, "DESCENDANT_OF", id);
  }
  for (const file of contents.files) {
    relate(imageId, "CONTAINS", fileId(file));
    if (!file.go) continue;
    const { go } = file;
    const main = addModule(packages, go.main ?? { path: go.path, version: "", sum: "", replacedBy: undefined });
    relate(fileId(file), "GENERATED_FROM", main);
    const library = addModule(packages, { path: "stdlib", version: go.goVersion, sum: "", replacedBy: undefined });
    relate(main, "DEPENDS_ON", library);
    for (const dependency of go.dependencies) relate(main, "DEPENDS_ON", addModule(packages, dependency));
  }
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `${repository}@${manifest.digest}`,
    documentNamespace: `https://spdx.org/spdxdocs/fairlead/${repository}/${hexOf(manifest.digest)}`,
    creationInfo: {
      created: facts.created,
      creators: [`Tool: ${facts.tool}`],
      ...(contents.leftOut.length > 0 ? { comment: `Left out: ${contents.leftOut.join("; ")}` } : {}),
    },
    packages: [...packages.values()],
    files: contents.files.map((file) => ({
      SPDXID: fileId(file),
      fileName: `./${file.path}`,
      fileTypes: [file.go ? "BINARY" : "OTHER"],
      checksums: [
        { algorithm: "SHA1", checksumValue: file.sha1 },
        { algorithm: "SHA256", checksumValue: file.sha256 },
      ],
      licenseConcluded: "NOASSERTION",
      licenseInfoInFiles: ["NOASSERTION"],
      copyrightText: "NOASSERTION",
    })),
    relationships: uniqueRelationships(relationships),
  };
}

function addModule(packages: Map<string, Package>, module: GoModule): string {
  const { path, version, sum } = module.replacedBy ?? module;
  const id = `SPDXRef-Go-${sha256Hex(`${path}@${version}`).slice(0, 16)}`;
  if (packages.has(id)) return id;
  const standard = path === "stdlib";
  const numbered = standard ? version.replace(/^go/, "") : version;
  const known = numbered !== "" && numbered !== "(devel)";
  packages.set(id, {
    ...packageOf(id, path, version === "" ? "(devel)" : version),
    ...(known
      ? {
          externalRefs: [
            purl(`pkg:golang/${path.split("/").map(encodeURIComponent).join("/")}@${encodeURIComponent(numbered)}`),
          ],
        }
      : {}),
    primaryPackagePurpose: "LIBRARY",
    ...sourceOf(module, sum),
  });
  return id;
}

/** The sum of go.sum is one over a listing of the module, no sum of a file: it is told as it stands. */
function sourceOf(module: GoModule, sum: string): { readonly sourceInfo?: string } {
  const parts = [
    ...(sum === "" ? [] : [`go.sum ${sum}`]),
    ...(module.replacedBy ? [`stands in for ${module.path} ${module.version}`] : []),
  ];
  return parts.length > 0 ? { sourceInfo: parts.join("; ") } : {};
}

function packageOf(id: string, name: string, versionInfo: string): Package {
  return {
    SPDXID: id,
    name,
    versionInfo,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: "NOASSERTION",
    copyrightText: "NOASSERTION",
  };
}

function purl(locator: string) {
  return { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: locator };
}

function fileId(file: ImageFile): string {
  return `SPDXRef-File-${sha256Hex(file.path).slice(0, 16)}`;
}

function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1);
}

function uniqueRelationships(all: readonly Relationship[]): readonly Relationship[] {
  const byText = new Map(all.map((each) => [JSON.stringify(each), each]));
  return [...byText.values()];
}
