import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { err, type Fault, fault, ok, type Result } from "../core/index.ts";
import type { Mount, Service } from "../execute/index.ts";
import type { Component } from "../family/index.ts";
import type { TakenImage } from "../images/index.ts";
import type { StagedTag } from "../registry/index.ts";
import type { LogWriter } from "../results/index.ts";
import type { InForce } from "./image-step.ts";
import type { BuiltImage, Run } from "./model.ts";

/** Where a run's own script pushes to: names that belong to the run, under a token that ends with it. */
export interface PushDoor {
  open(run: { readonly runId: string; readonly component: string }): {
    readonly token: string;
    /** Registry and folder: what comes before `/<image>` in a reference. */
    readonly registry: string;
    readonly services: Readonly<Record<string, Service>>;
  };
  pushed(runId: string): Promise<readonly StagedTag[]>;
  /** Labels it as assembled images are, and answers what is in it. */
  take(image: StagedTag, labels: Readonly<Record<string, string>>): Promise<Result<TakenImage>>;
  close(runId: string): Promise<void>;
}

/** What a `push` script finds around it. */
export interface PushSurroundings {
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly services: Readonly<Record<string, Service>>;
}

const home = "/home/prow";

/**
 * `REGISTRY_NAME` as scripts of kubernetes-csi know it, and the files by which docker, skopeo, buildah, podman, crane and
 * ko find the run's token and speak plain HTTP with our door.
 */
export async function preparePush(door: PushDoor, run: Run, folder: string): Promise<PushSurroundings> {
  const { token, registry, services } = door.open({ runId: run.id, component: run.component });
  const [host = ""] = registry.split("/");
  const auth = Buffer.from(`run:${token}`).toString("base64");
  const files: Readonly<Record<string, string>> = {
    ".docker/config.json": JSON.stringify({ auths: { [host]: { auth } } }),
    ".config/containers/policy.json": JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }),
    ".config/containers/registries.conf": `unqualified-search-registries = ["docker.io"]\n[[registry]]\nlocation = "${host}"\ninsecure = true\n`,
  };
  const root = join(folder, "push-home");
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return {
    env: { HOME: home, REGISTRY_NAME: registry, KO_DOCKER_REPO: registry },
    mounts: [".docker", ".config"].map((name) => ({
      host: join(root, name),
      inside: `${home}/${name}`,
      writable: true,
    })),
    services,
  };
}

export interface PushedStep {
  readonly door: PushDoor;
  readonly run: Run;
  readonly component: Component;
  /** Why the component may not have an image of this name. */
  readonly foreign: (image: string) => Fault | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Images that the run assembled before. */
  readonly assembled: readonly BuiltImage[];
  readonly inForce: InForce;
  readonly log: LogWriter;
}

/** The images that the script pushed, as the run's own. Nothing pushed is fault `failed`: doing nothing is no success. */
export async function collectPushed(step: PushedStep): Promise<Result<readonly BuiltImage[]>> {
  const tags = await step.door.pushed(step.run.id);
  if (tags.length === 0) {
    return err(
      fault("failed", "`push` pushed nothing", {
        hint: "push to $REGISTRY_NAME/<image>:<tag>; build.make of kubernetes-csi pushes where HEAD is a tag or the tip of an origin/* branch",
      }),
    );
  }
  const images: BuiltImage[] = [];
  for (const name of new Set(tags.map((tag) => tag.image))) {
    const wrong = (error: Fault) => err({ ...error, message: `image ${name}, pushed: ${error.message}` });
    const foreign = step.foreign(name);
    if (foreign) return err(foreign);
    if (step.assembled.some((image) => image.name === name))
      return wrong(fault("conflict", "the run assembled an image of this name already"));
    const chosen = chooseTag(
      tags.filter((tag) => tag.image === name),
      step.labels["org.opencontainers.image.version"] ?? "",
    );
    if (!chosen.ok) return wrong(chosen.error);
    const taken = await step.door.take(chosen.value, step.labels);
    if (!taken.ok) return wrong(taken.error);
    const { root, warnings } = taken.value;
    for (const warning of warnings) step.log.line(`fairlead: image ${name}: warning: ${warning}`);
    step.log.line(`fairlead: image ${name} was pushed as ${chosen.value.tag} and is kept as ${root.digest}`);
    images.push(imageOfJob(name, taken.value, step.inForce));
  }
  return ok(images);
}

/** An image that a script made: what it did is its own, so no base and no tool is claimed for it. */
export function imageOfJob(name: string, { root, platforms, warnings }: TakenImage, inForce: InForce): BuiltImage {
  return {
    name,
    digest: root.digest,
    mediaType: root.mediaType,
    size: root.size,
    platforms: JSON.stringify(platforms.map(({ platform, digest, diffIds }) => ({ platform, digest, diffIds }))),
    warnings,
    making: JSON.stringify({
      by: "job",
      isolation: inForce.isolation,
      network: inForce.network,
      caches: inForce.caches,
      toolchain: inForce.container === undefined ? {} : { container: inForce.container },
      bases: [],
    }),
  };
}

/** The tag that this run is for; else the only image there is. Scripts leave tags of single platforms beside it. */
function chooseTag(tags: readonly StagedTag[], wanted: string): Result<StagedTag> {
  const exact = tags.find((tag) => tag.tag === wanted);
  const [first] = tags;
  if (exact) return ok(exact);
  if (first && tags.every((tag) => tag.root.digest === first.root.digest)) return ok(first);
  const listed = tags.slice(0, 10).map((tag) => tag.tag);
  return err(
    fault("conflict", `different images were pushed as ${listed.join(", ")}, and none as ${wanted}`, {
      hint: `push the one that is meant as ${wanted}`,
    }),
  );
}
