import { forOneLine } from "../../core/index.ts";
import { findImage, type PinSet } from "../pin-sets/model.ts";
import type { ClusterState, SeenContainer } from "./cluster-state.ts";
import { isSystem } from "./readiness.ts";

/** One container of the cluster beside what was to run in it. */
export interface ReadContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly image: string;
  /** As the node says it: the digest of a config, or `repository@` and that of a manifest. */
  readonly ran: string;
  /** `undefined`: no image of the pin set. */
  readonly component: string | undefined;
  /** Digests that would have been right, on the node's platform. */
  readonly intended: readonly string[];
  readonly answer: "as intended" | "differs" | "foreign" | "not started";
}

/** What a cluster said it ran (design 5). */
export interface ReadBack {
  /** `proven`: every image of the set runs, and with the digests that were meant. */
  readonly verdict: "proven" | "differs";
  readonly containers: readonly ReadContainer[];
  /** One sentence for each difference, naming both digests. */
  readonly differences: readonly string[];
  /** Images of the set of which no container was seen. */
  readonly absent: readonly string[];
}

/**
 * Compares every container's imageID with the pin set. A side-loaded image shows its config's digest, a pulled one that of
 * its manifest or index; other images with the same bytes cannot be told apart and need not be. Nothing started of a
 * component that was replaced is a difference too: the test would be about something else.
 */
export function readBack(state: ClusterState, set: PinSet, platform: string): ReadBack {
  const containers = state.pods
    .filter((pod) => !isSystem(pod.namespace))
    .flatMap((pod) => pod.containers)
    .map((container) => compare(container, set, platform));
  const differences = containers.flatMap((each) =>
    each.answer === "differs"
      ? [
          `${each.namespace}/${each.pod} ${each.container}: ${forOneLine(each.image, 200)} runs ${forOneLine(each.ran, 200)}, and ${each.intended.join(" or ")} of ${each.component} was meant`,
        ]
      : each.answer === "not started"
        ? [`${each.namespace}/${each.pod} ${each.container}: ${forOneLine(each.image, 200)} was not started`]
        : [],
  );
  const seen = new Set(containers.flatMap((each) => (each.component === undefined ? [] : [nameOf(each.image)])));
  const absent: string[] = [];
  const unproven: string[] = [];
  for (const component of set.components) {
    const without = component.images.filter((image) => !seen.has(image.name)).map((image) => image.name);
    absent.push(...without);
    if (component.from === "replaced" && without.length === component.images.length)
      unproven.push(`nothing of ${component.component} ${component.version} runs: ${without.join(", ")} was meant`);
  }
  if (seen.size === 0) unproven.push("no image of the pin set runs");
  const all = [...differences, ...unproven];
  return { verdict: all.length === 0 ? "proven" : "differs", containers, differences: all, absent };
}

function compare(container: SeenContainer, set: PinSet, platform: string): ReadContainer {
  const found = findImage(set, nameOf(container.image));
  const seen = {
    namespace: container.namespace,
    pod: container.pod,
    container: container.container,
    image: container.image,
    ran: container.imageId,
  };
  if (!found) return { ...seen, component: undefined, intended: [], answer: "foreign" };
  const here = found.image.platforms.filter((each) => sameMachine(each.platform, platform));
  const intended = here.flatMap((each) => [each.config, each.manifest]);
  const { component } = found.component;
  if (container.imageId === "") return { ...seen, component, intended, answer: "not started" };
  const digest = /sha256:[0-9a-f]{64}$|sha512:[0-9a-f]{128}$/.exec(container.imageId)?.[0];
  const right = digest !== undefined && [...intended, found.image.digest].includes(digest);
  return { ...seen, component, intended, answer: right ? "as intended" : "differs" };
}

/** `linux/amd64` for `linux/amd64 10.0…`, and any variant of an architecture. */
function sameMachine(pinned: string, node: string): boolean {
  const [name = ""] = pinned.split(" ");
  return name === node || name.startsWith(`${node}/`);
}

/** `csi-attacher` of `host:5000/path/csi-attacher:v1@sha256:…`. */
export function nameOf(reference: string): string {
  const [path = ""] = reference.split("@");
  const last = path.slice(path.lastIndexOf("/") + 1);
  return last.split(":")[0] ?? last;
}
