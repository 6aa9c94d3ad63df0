import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { err, fault, ok, type Result } from "../../../core/index.ts";
import type { Capability } from "../../../execute/index.ts";
import type { ClusterAdapter } from "../adapter.ts";
import { writeImageArchive } from "../image-archive.ts";
import { type KubeContext, readContext, signsOfProduction } from "../kubeconfig.ts";
import { type Kubectl, kubectlOn, parsed } from "../kubectl.ts";
import type { RunProgram } from "../programs.ts";
import { claimNamespace, createNamespace, deleteNamespace, emptyNamespace, idsIn } from "./namespace.ts";

/** What the family file says about a cluster that is there already. */
export interface ExistingOptions {
  /** Absolute path. */
  readonly kubeconfig: string;
  /** `undefined`: the current one. */
  readonly context: string | undefined;
  /** A namespace of the user's for all runs, one after another; `undefined`: one is made for each run. */
  readonly namespace: string | undefined;
  /** The user says: this is production, and may be used within `namespace`. */
  readonly production: boolean;
  /** As with a cluster by commands; without it all images are pulled. */
  readonly load?: readonly string[] | undefined;
  readonly cwd: string;
}

/**
 * A cluster that is there already: a namespace of it. One that looks like production is refused unless the family file
 * names a namespace and says that it is production. What a test makes outside of its namespace stays, and is the user's.
 */
export function existingAdapter(options: ExistingOptions, run: RunProgram, kubectl: string): ClusterAdapter {
  const source = () => readContext(options.kubeconfig, options.context);

  async function allowed(context: KubeContext, client: Kubectl, signal: AbortSignal): Promise<Result<void>> {
    const names = {
      context: context.name,
      cluster: context.cluster,
      user: context.user,
      server: context.server,
      namespace: options.namespace ?? context.namespace,
    };
    const signs = [...signsOfProduction(names), ...(await ownSigns(client, signal))];
    if (signs.length === 0 || (options.production && options.namespace !== undefined)) return ok(undefined);
    return err(
      fault("refused", `${options.kubeconfig} points at production: ${signs.join(", ")}`, {
        hint: "use another cluster; or set kubernetes.existing.namespace and kubernetes.existing.production: true, and tests keep to that namespace",
        facts: { signs },
      }),
    );
  }

  return {
    kind: "existing",
    kubectl,
    start: async ({ spec, record, signal, log, remember }) => {
      if (spec.source || spec.nodeImage !== undefined)
        return err(
          fault("missing-need", "nodes of a cluster that is there already cannot be chosen", {
            hint: "use kubernetes.cluster: kind",
          }),
        );
      const context = await source();
      if (!context.ok) return context;
      const namespace = options.namespace ?? record.name;
      const kubeconfig = join(record.folder, "kubeconfig");
      await writeFile(kubeconfig, context.value.only(namespace), { mode: 0o600 });
      const client = kubectlOn(run, kubectl, kubeconfig);
      const may = await allowed(context.value, client, signal);
      if (!may.ok) return may;
      if (options.namespace === undefined) {
        await remember({ made: namespace });
        const made = await createNamespace(client, namespace, { signal, log });
        if (!made.ok) return made;
      } else {
        const before = await idsIn(client, namespace, { signal, log });
        if (!before.ok) return before;
        await remember({ claimed: namespace, before: before.value.join(" ") });
        const claimed = await claimNamespace(client, namespace, record.name, { signal, log });
        if (!claimed.ok) return claimed;
      }
      log(`using the namespace ${namespace} of ${context.value.server}; what is made outside of it stays`);
      return ok({ kubeconfig, namespace });
    },
    remove: async (record, call) => {
      const { made, claimed, before } = record.state;
      if (made === undefined && claimed === undefined) return ok(undefined);
      const context = await source();
      if (!context.ok) return context;
      // The run's folder may be gone with the boot that made it.
      const kubeconfig = join(record.folder, "kubeconfig");
      const written = await writeFile(kubeconfig, context.value.only(made ?? claimed), { mode: 0o600 }).then(
        () => true,
        () => false,
      );
      const client = kubectlOn(run, kubectl, written ? kubeconfig : options.kubeconfig);
      if (made !== undefined) return await deleteNamespace(client, made, call);
      return await emptyNamespace(client, claimed ?? "", record.name, new Set((before ?? "").split(" ")), call);
    },
    load: async (record, images, { signal, log }) => {
      if (!options.load)
        return err(
          fault("missing-need", "a cluster that is there already takes no images: it pulls all of them", {
            hint: "push them to a registry that it reaches, or set kubernetes.existing.load in the family file",
          }),
        );
      for (const image of images) {
        const archive = join(record.folder, "image.tar");
        const packed = await writeImageArchive(image, archive);
        if (!packed.ok) return packed;
        const argv = [...options.load, image.reference, archive];
        const env = { KUBECONFIG: join(record.folder, "kubeconfig"), FAIRLEAD_CLUSTER: record.name };
        const loaded = await run({ argv, env, cwd: options.cwd, signal, log });
        await rm(archive, { force: true });
        if (!loaded.ok) return loaded;
      }
      return ok(undefined);
    },
    capability: async (): Promise<Capability> => {
      const context = await source();
      return {
        need: "cluster",
        present: context.ok,
        detail: context.ok ? `context ${context.value.name} of ${options.kubeconfig}` : context.error.message,
        mend: context.ok ? "" : "correct kubernetes.existing in the family file",
        switchesOff: "tests on Kubernetes",
      };
    },
  };
}

const labelled = z.object({
  items: z.array(
    z.object({ metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }) }),
  ),
});

/** What the cluster says of itself: labels such as `environment: production` on nodes and on kube-system. */
async function ownSigns(client: Kubectl, signal: AbortSignal): Promise<readonly string[]> {
  const signs: string[] = [];
  for (const args of [["nodes"], ["namespaces", "--field-selector=metadata.name=kube-system"]]) {
    const said = await client(["get", ...args, "-o", "json"], { signal });
    // Whoever may not read them is held to a namespace by the cluster itself.
    const read = said.ok ? parsed(said.value, labelled) : undefined;
    for (const { metadata } of read?.ok ? read.value.items : [])
      for (const [key, value] of Object.entries(metadata.labels))
        if (/(^|[./-])(env|environment|stage|tier)$/.test(key) && signsOfProduction({ label: value }).length > 0)
          signs.push(`${metadata.name} is labelled ${key}=${value}`);
  }
  return signs;
}
