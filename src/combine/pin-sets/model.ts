import { hashOf } from "../../core/index.ts";
import type { Digest } from "../../oci/index.ts";

/** An image on one platform. A side-loaded image shows its config's digest in a cluster, a pulled one its manifest's. */
export interface PinnedPlatform {
  /** `linux/amd64`, `linux/arm/v7`, `windows/amd64 10.0.20348.1`. */
  readonly platform: string;
  readonly manifest: Digest;
  readonly config: Digest;
}

export interface PinnedImage {
  /** Without registry: `csi-attacher`. */
  readonly name: string;
  /** The index, or the manifest of an image for one platform. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly platforms: readonly PinnedPlatform[];
}

/** Which images of a component are tested. All of them, its RBAC and its CRDs come from this one commit. */
export interface PinnedComponent {
  readonly component: string;
  readonly repository: string;
  readonly commit: string;
  /** Tag that the images have in the cluster: `v1.2.0`, `canary`, `1.2-canary`, `change-7`. */
  readonly version: string;
  /** `release`: as the deployment pins it; `canary`: the newest one; `replaced`: put in place of what is pinned. */
  readonly from: "release" | "canary" | "replaced";
  /** The run that built them. */
  readonly run: string;
  readonly images: readonly PinnedImage[];
}

/** An exact map from components to image digests, with the deployment that starts them (design 5). */
export interface PinSet {
  readonly family: string;
  readonly deployment: { readonly component: string; readonly commit: string; readonly folder: string };
  /** By name. */
  readonly components: readonly PinnedComponent[];
}

/** SHA-256 of its canonical JSON, 64 hex digits: the same set has the same id, wherever it was resolved. */
export function pinSetId(set: PinSet): string {
  return hashOf(set);
}

/** The component and image that a set names so; image names belong to one component. */
export function findImage(
  set: PinSet,
  name: string,
): { readonly component: PinnedComponent; readonly image: PinnedImage } | undefined {
  for (const component of set.components) {
    const image = component.images.find((each) => each.name === name);
    if (image) return { component, image };
  }
  return undefined;
}
