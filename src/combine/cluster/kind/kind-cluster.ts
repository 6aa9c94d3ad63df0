import { rm } from "node:fs/promises";
import { join } from "node:path";
import { err, fault, ok, type Result } from "../../../core/index.ts";
import type { Capability } from "../../../execute/index.ts";
import type { ClusterAdapter, StartTask } from "../adapter.ts";
import { writeImageArchive } from "../image-archive.ts";
import type { RunProgram } from "../programs.ts";
import { type ClusterRecord, markVariable } from "../records.ts";

/** What the family file says about kind. */
export interface KindOptions {
  readonly program: string;
  /** Version of Kubernetes (`1.36`, `development`) -> node image by digest. */
  readonly nodeImages: Readonly<Record<string, string>>;
  /** A configuration file of kind. */
  readonly config: string | undefined;
}

/** Clusters by kind. Node images are named by digest, so that the same release is the same nodes. */
export function kindAdapter(options: KindOptions, run: RunProgram, kubectl: string): ClusterAdapter {
  const never = () => new AbortController().signal;

  const marked = (record: ClusterRecord) => ({ [markVariable]: record.name });

  async function nodeImage({ spec, record, signal, log, remember, started }: StartTask): Promise<Result<string>> {
    if (spec.source) {
      const image = `fairlead.invalid/node:${spec.source.revision.slice(0, 40)}`;
      await remember({ sourceRevision: spec.source.revision, nodeImage: image });
      log(`building the node image from Kubernetes ${spec.source.revision}`);
      const argv = [options.program, "build", "node-image", spec.source.folder, "--image", image];
      const built = await run({ argv, env: marked(record), signal, log, started });
      return built.ok ? ok(image) : built;
    }
    const image = spec.nodeImage ?? options.nodeImages[spec.version];
    if (image === undefined)
      return err(
        fault("missing-need", `no node image is named for Kubernetes ${spec.version}`, {
          hint: `name it by digest in the family file: kubernetes.kind.nodeImages."${spec.version}"`,
        }),
      );
    await remember({ nodeImage: image });
    return ok(image);
  }

  return {
    kind: "kind",
    kubectl,
    start: async (task) => {
      const image = await nodeImage(task);
      if (!image.ok) return image;
      const { spec, record, signal, log, started } = task;
      const kubeconfig = join(record.folder, "kubeconfig");
      const argv = [options.program, "create", "cluster", "--name", record.name, "--image", image.value];
      // kind's own time limit must not end it earlier than ours.
      argv.push("--kubeconfig", kubeconfig, "--wait", `${Math.ceil(spec.readyWithinMs / 1000)}s`);
      if (options.config !== undefined) argv.push("--config", options.config);
      const made = await run({ argv, env: marked(record), signal, log, started });
      return made.ok ? ok({ kubeconfig, namespace: undefined }) : made;
    },
    remove: async (record, { signal, log }) => {
      const argv = [options.program, "delete", "cluster", "--name", record.name];
      argv.push("--kubeconfig", join(record.folder, "kubeconfig"));
      const deleted = await run({ argv, signal, log });
      if (deleted.ok) return ok(undefined);
      return err({ ...deleted.error, hint: `remove it: ${options.program} delete cluster --name ${record.name}` });
    },
    load: async (record, images, { signal, log }) => {
      for (const image of images) {
        const archive = join(record.folder, "image.tar");
        const packed = await writeImageArchive(image, archive);
        if (!packed.ok) return packed;
        const argv = [options.program, "load", "image-archive", archive, "--name", record.name];
        const loaded = await run({ argv, signal, log });
        await rm(archive, { force: true });
        if (!loaded.ok) return loaded;
      }
      return ok(undefined);
    },
    logs: async (record, folder, { signal, log }) => {
      const argv = [options.program, "export", "logs", folder, "--name", record.name];
      const exported = await run({ argv, signal, log });
      return exported.ok ? ok(undefined) : exported;
    },
    capability: async (): Promise<Capability> => {
      const version = await run({
        argv: [options.program, "version"],
        signal: never(),
        log: () => undefined,
        quiet: true,
      });
      return {
        need: "cluster",
        present: version.ok,
        detail: version.ok ? version.value.trim() : version.error.message,
        mend: version.ok ? "" : "install kind: https://kind.sigs.k8s.io, and docker or podman",
        switchesOff: "tests on Kubernetes",
      };
    },
  };
}
