import { err, fault, ok, type Result } from "../core/index.ts";
import type { Component, Platform, ReleaseConfiguration, ReleaseImage, ReleasePlatform } from "../family/index.ts";
import type { Assembler, BuildPlace } from "../images/index.ts";
import type { LogWriter } from "../results/index.ts";
import type { BuiltImage, Run } from "./model.ts";

export interface ImageStep {
  readonly run: Run;
  readonly component: Component;
  /** The component to which the family file gives an image name. */
  readonly ownerOf: (image: string) => string | undefined;
  readonly configuration: ReleaseConfiguration;
  /** The run's tree; its last process is dead. */
  readonly context: string;
  readonly commit: string;
  /** The commit's time, milliseconds. */
  readonly epoch: number;
  readonly assembler: Assembler;
  /** What was in force while the run was carried out, for the provenance. */
  readonly inForce: InForce;
  /** What an outside builder needs of the run. */
  readonly place: Omit<BuildPlace, "tell" | "onOutput">;
  readonly log: LogWriter;
}

/** What confined a run, as its provenance says it. */
export interface InForce {
  readonly isolation: string;
  readonly network: string;
  readonly caches: string;
  /** `name@digest` of the image that the steps ran in; `undefined` in the cage. */
  readonly container: string | undefined;
}

/** Assembles every image of a revision, all or none. Their bytes go into the blob store; nothing is tagged. */
export async function buildImages(step: ImageStep): Promise<Result<readonly BuiltImage[]>> {
  const images: BuiltImage[] = [];
  for (const image of step.configuration.images) {
    const foreign = foreignName(step.component, image.name, step.ownerOf(image.name));
    if (foreign) return err(foreign);
    const started = performance.now();
    const assembled = await step.assembler.assemble({
      context: step.context,
      platforms: image.platforms.map((platform) => ({
        platform: ociPlatform(platform.platform),
        dockerfile: platform.dockerfile ?? image.dockerfile,
        args: argumentsFor(image, platform),
      })),
      labels: imageLabels(step.run, step.component, step.commit),
      epoch: step.epoch,
      index: image.platforms.length > 1,
      builder: image.builder,
      place: {
        ...step.place,
        onOutput: (chunk) => step.log.append(chunk),
        tell: (line) => step.log.line(`fairlead: image ${image.name}: ${line}`),
      },
    });
    if (!assembled.ok) {
      const { error } = assembled;
      const where = error.place ? `${error.place.file}:${error.place.line}:${error.place.column}: ` : "";
      step.log.line(`fairlead: image ${image.name}: ${where}${error.message}${error.hint ? `; ${error.hint}` : ""}`);
      return err(fault(error.code, `image ${image.name}: ${where}${error.message}`, { hint: error.hint }));
    }
    const { root, platforms, warnings, tools } = assembled.value;
    for (const warning of warnings) step.log.line(`fairlead: image ${image.name}: warning: ${warning.message}`);
    step.log.line(
      `fairlead: image ${image.name} ${tools.length > 0 ? "built" : "assembled"} as ${root.digest} in ${Math.round(performance.now() - started)} ms`,
    );
    images.push({
      name: image.name,
      digest: root.digest,
      mediaType: root.mediaType,
      size: root.size,
      platforms: JSON.stringify(
        platforms.map((each) => ({ platform: each.platform, digest: each.manifest.digest, diffIds: each.diffIds })),
      ),
      warnings: warnings.map((warning) => warning.message),
      making: JSON.stringify({
        by: tools.length > 0 ? "builder" : "assembler",
        isolation: step.inForce.isolation,
        network: step.inForce.network,
        caches: step.inForce.caches,
        toolchain: {
          ...step.configuration.toolchain,
          ...Object.fromEntries(tools.map((tool) => tool.split(" ", 2))),
          ...(step.inForce.container === undefined ? {} : { container: step.inForce.container }),
        },
        bases: assembled.value.bases,
      }),
    });
  }
  return ok(images);
}

/** Labels of every image, however it was made. */
export function imageLabels(run: Run, component: Component, commit: string): Readonly<Record<string, string>> {
  return {
    "org.opencontainers.image.source": component.repository,
    "org.opencontainers.image.revision": commit,
    "org.opencontainers.image.version": versionLabel(run),
  };
}

/** Design 9: an image name belongs to one component, and only the family file decides which. */
export function foreignName(component: Component, name: string, owner: string | undefined) {
  const free = owner === undefined && component.images === undefined;
  if (free || component.images?.includes(name) === true) return undefined;
  const whose = owner === undefined ? "" : `: it is ${owner}'s`;
  return fault("refused", `the image name ${name} does not belong to ${component.name}${whose}`, {
    hint: `an administrator adds it to components.${component.name}.images in the family file`,
  });
}

function ociPlatform(platform: Platform) {
  return {
    os: platform.os,
    architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    ...(platform.osVersion === undefined ? {} : { "os.version": platform.osVersion }),
  };
}

function argumentsFor(image: ReleaseImage, platform: ReleasePlatform): Record<string, string> {
  const values: Readonly<Record<string, string>> = {
    SUFFIX: platform.suffix,
    TARGETOS: platform.platform.os,
    TARGETARCH: platform.platform.architecture,
    TARGETVARIANT: platform.platform.variant ?? "",
  };
  const substituted = Object.entries({ ...image.args, ...platform.args }).map(([name, value]) => [
    name,
    value.replace(/\$\{(SUFFIX|TARGETOS|TARGETARCH|TARGETVARIANT)\}/g, (_, variable: string) => values[variable] ?? ""),
  ]);
  return Object.fromEntries(substituted);
}

/** The tag for a release, what a canary is called for a branch, and never something that looks released for a change. */
export function versionLabel(run: Run): string {
  if (run.ref.startsWith("refs/tags/")) return run.ref.slice("refs/tags/".length);
  if (run.change !== undefined) return `change-${run.change}`;
  const branch = run.ref.replace(/^refs\/heads\//, "");
  return branch.startsWith("release-") ? `${branch.slice("release-".length)}-canary` : "canary";
}
