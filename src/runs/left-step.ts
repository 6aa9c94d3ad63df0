import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { err, type Fault, fault, ok, type Result } from "../core/index.ts";
import type { LeftImages } from "../images/index.ts";
import type { LogWriter } from "../results/index.ts";
import type { InForce } from "./image-step.ts";
import type { BuiltImage } from "./model.ts";
import { imageOfJob } from "./push-step.ts";

/** Folder of a run's artifacts where its scripts leave images: `<image>/`, an OCI layout, or `<image>.tar`. */
const leftFolder = "images";
const mostImages = 50;

export interface LeftStep {
  /** The run's artifacts; the last process that wrote there is dead. */
  readonly artifacts: string;
  readonly images: LeftImages;
  readonly foreign: (image: string) => Fault | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Images that the run made otherwise. */
  readonly made: readonly BuiltImage[];
  readonly inForce: InForce;
  readonly log: LogWriter;
}

/** The images that a job's scripts left, as the run's own; they are taken out of its artifacts, which keep no image twice. */
export async function collectLeft(step: LeftStep): Promise<Result<readonly BuiltImage[]>> {
  const folder = join(step.artifacts, leftFolder);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const images: BuiltImage[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const archive = entry.isFile() && entry.name.endsWith(".tar");
    if (!archive && !entry.isDirectory()) continue;
    const name = archive ? entry.name.slice(0, -".tar".length) : entry.name;
    const wrong = (error: Fault) =>
      err({ ...error, message: `image ${name.slice(0, 128)}, left under artifacts: ${error.message}` });
    const foreign = step.foreign(name);
    if (foreign) return err(foreign);
    if ([...step.made, ...images].some((image) => image.name === name))
      return wrong(fault("conflict", "the run has an image of this name already"));
    if (images.length >= mostImages) return wrong(fault("limit", `a run leaves at most ${mostImages} images`));
    const wanted = step.labels["org.opencontainers.image.version"] ?? "";
    const taken = await step.images.take(join(folder, entry.name), archive ? "archive" : "folder", wanted, step.labels);
    if (!taken.ok) return wrong(taken.error);
    for (const warning of taken.value.warnings) step.log.line(`fairlead: image ${name}: warning: ${warning}`);
    step.log.line(`fairlead: image ${name} was left under artifacts and is kept as ${taken.value.root.digest}`);
    images.push(imageOfJob(name, taken.value, step.inForce));
  }
  if (images.length > 0) await rm(folder, { recursive: true, force: true });
  return ok(images);
}
