import { join } from "node:path";
import {
  type Cluster,
  type ClusterTests,
  createClusterTests,
  type TestTree,
  type WantedPin,
} from "../combine/index.ts";
import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import { egressAddress } from "../execute/host/index.ts";
import type { Family, Platform } from "../family/index.ts";
import type { Git } from "../git/index.ts";
import { familyHistory, pinnedAt, pinsAt } from "../history/index.ts";
import { testsInClusters } from "../jobs/index.ts";
import type { BlobStore } from "../oci/index.ts";
import type { Store } from "../store/index.ts";

/** Do the components' own scripts start clusters, where the family does not say how it tests in them? */
export function bringTheirOwn(family: Family): boolean {
  return family.kubernetes.cluster !== "none" && !testsInClusters(family);
}

/** Tests of deployments, with the record, the repositories and the clusters of a server. */
export function composeClusterTests(options: {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly git: Git;
  readonly family: () => Family;
  readonly here: Platform;
  readonly cluster: () => Promise<Cluster | undefined>;
  readonly kubectl: () => Promise<string | undefined>;
}): ClusterTests {
  const { store, blobs, clock, git, here, cluster } = options;

  /** Through links, so that a folder that leads to another version's is read as that one. */
  async function pinsIn(tree: TestTree, folder: string | undefined): Promise<Result<readonly WantedPin[]>> {
    const family = options.family();
    const component = family.components.find((each) => each.name === tree.component);
    if (!component) return err(fault("not-found", `${tree.component} is no component of the family any more`));
    const open = async (other: { readonly name: string }) => await git.open(other.name);
    const history = familyHistory({ family, open }, component, tree.repository);
    const slash = folder?.lastIndexOf("/") ?? -1;
    // The last folder as a choice of one: what is fixed before it is walked, and it may be a link.
    const parent = slash < 0 ? "" : `${folder?.slice(0, slash)}/`;
    const globs = folder === undefined ? undefined : [`${parent}{${folder.slice(slash + 1)}}/**/*.{yaml,yml}`];
    const pins = globs ? await pinsAt(history, tree.commit, globs) : await pinnedAt(history, tree.commit);
    return "unknown" in pins ? err(fault("bad-input", pins.unknown)) : ok(pins.value);
  }

  return createClusterTests({
    store,
    blobs,
    clock,
    cluster,
    open: (component) => git.open(component),
    pinsIn,
    kubectl: options.kubectl,
    platform: join(here.os, here.architecture),
    proxy: egressAddress,
  });
}
