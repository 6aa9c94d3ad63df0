import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { err, fault, ok, type Result } from "../../../core/index.ts";
import type { Capability } from "../../../execute/index.ts";
import type { ClusterAdapter } from "../adapter.ts";
import { writeImageArchive } from "../image-archive.ts";
import type { RunProgram } from "../programs.ts";
import { type ClusterRecord, markVariable } from "../records.ts";

/** Programs of the family file, as argument vectors. What they are told stands in their environment. */
export interface CommandOptions {
  readonly up: readonly string[];
  /** Called once an image, with its name and an OCI archive of it as last arguments. Without it all images are pulled. */
  readonly load?: readonly string[] | undefined;
  readonly down: readonly string[];
  /** Called with a folder as last argument. */
  readonly logs?: readonly string[] | undefined;
  /** Where they are started: the folder of the family file. */
  readonly cwd: string;
}

/**
 * A cluster by commands: `up` writes a kubeconfig to `$KUBECONFIG` and ends once the cluster is ready; `down` removes it,
 * also half-started, also twice. `$FAIRLEAD_CLUSTER` tells it from all others.
 */
export function commandAdapter(options: CommandOptions, run: RunProgram, kubectl: string): ClusterAdapter {
  const kubeconfigOf = (record: ClusterRecord) => join(record.folder, "kubeconfig");
  const environment = (record: ClusterRecord): Record<string, string> => ({
    [markVariable]: record.name,
    FAIRLEAD_CLUSTER_FOLDER: join(record.folder, "cluster"),
    FAIRLEAD_KUBERNETES: record.state["version"] ?? "",
    FAIRLEAD_NODE_IMAGE: record.state["nodeImage"] ?? "",
    FAIRLEAD_SERVER_PID: String(process.pid),
    KUBECONFIG: kubeconfigOf(record),
  });
  const call = async (
    argv: readonly string[],
    record: ClusterRecord,
    task: {
      readonly signal: AbortSignal;
      readonly log: (line: string) => void;
      readonly started?: (group: number) => Promise<void>;
    },
  ): Promise<Result<void>> => {
    await mkdir(join(record.folder, "cluster"), { recursive: true });
    const done = await run({ argv, env: environment(record), cwd: options.cwd, ...task });
    return done.ok ? ok(undefined) : done;
  };

  return {
    kind: "command",
    kubectl,
    start: async ({ spec, record, signal, log, remember, started }) => {
      if (spec.source)
        return err(
          fault("missing-need", "a cluster by commands builds no Kubernetes from source", {
            hint: "use kubernetes.cluster: kind",
          }),
        );
      const state = { version: spec.version, ...(spec.nodeImage === undefined ? {} : { nodeImage: spec.nodeImage }) };
      await remember(state);
      const known = { ...record, state };
      const up = await call(options.up, known, { signal, log, started });
      if (!up.ok) return up;
      const kubeconfig = kubeconfigOf(known);
      const written = await stat(kubeconfig).then(
        (file) => file.size > 0,
        () => false,
      );
      if (!written)
        return err(
          fault("failed", `${options.up[0]} ended well and wrote no kubeconfig`, {
            hint: "kubernetes.command.up must write it to the file $KUBECONFIG",
          }),
        );
      return ok({ kubeconfig, namespace: undefined });
    },
    remove: async (record, task) => {
      const down = await call(options.down, record, task);
      if (!down.ok)
        return err({ ...down.error, hint: `FAIRLEAD_CLUSTER=${record.name} ${options.down.join(" ")} must remove it` });
      await rm(join(record.folder, "cluster"), { recursive: true, force: true });
      return ok(undefined);
    },
    load: async (record, images, { signal, log }) => {
      if (!options.load)
        return err(
          fault("missing-need", "this cluster takes no images: kubernetes.command.load is not set", {
            hint: "set it in the family file, or push the images to a registry that the cluster reaches",
          }),
        );
      for (const image of images) {
        const archive = join(record.folder, "image.tar");
        const packed = await writeImageArchive(image, archive);
        if (!packed.ok) return packed;
        const loaded = await call([...options.load, image.reference, archive], record, { signal, log });
        await rm(archive, { force: true });
        if (!loaded.ok) return loaded;
      }
      return ok(undefined);
    },
    logs: options.logs && ((record, folder, task) => call([...(options.logs ?? []), folder], record, task)),
    capability: async (): Promise<Capability> => {
      const program = options.up[0] ?? "";
      const there =
        !program.includes("/") ||
        (await stat(join(program.startsWith("/") ? "/" : options.cwd, program)).then(
          () => true,
          () => false,
        ));
      return {
        need: "cluster",
        present: there,
        detail: there ? `started by ${program}` : `${program} is not there`,
        mend: there ? "" : "correct kubernetes.command.up in the family file",
        switchesOff: "tests on Kubernetes",
      };
    },
  };
}
