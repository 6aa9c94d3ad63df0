import { createSerial, err, fault, ok, type Result } from "../../core/index.ts";
import { askEngine, type Engine, saidBy } from "./engine.ts";

export interface ResolvedImage {
  /** The engine's id of it. */
  readonly id: string;
  /** Digest of its manifest where it came from a registry, else its id. */
  readonly digest: string;
}

const pullTimeoutMs = 20 * 60_000;
const askTimeoutMs = 60_000;
const reference = /^[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,500}$/;

/**
 * Resolves what a job names to exact bytes. Kubernetes' rule: pulled again where it is called `latest` or has no tag and
 * no digest (or the job says `Always`), else only when it is not here. One pull of an image at a time. Faults:
 * `bad-input`, `unavailable`.
 */
export function createImages(engine: Engine, authFile: string) {
  const serial = createSerial();

  async function look(image: string): Promise<ResolvedImage | undefined> {
    const format = "{{.Id}} {{range .RepoDigests}}{{.}} {{end}}";
    const asked = await askEngine(engine, ["image", "inspect", "--format", format, image], {
      authFile,
      timeoutMs: askTimeoutMs,
    });
    if (!asked.ok || asked.value.code !== 0) return undefined;
    const [id = "", ...digests] = asked.value.stdout.trim().split(/\s+/);
    const named = digests.find((each) => each.startsWith(`${image.replace(/[@:][^/]*$/, "")}@`)) ?? digests[0];
    const short = id.startsWith("sha256:") ? id : `sha256:${id}`;
    return id === "" ? undefined : { id, digest: named?.split("@")[1] ?? short };
  }

  return {
    resolve: (image: string, policy: string | undefined): Promise<Result<ResolvedImage>> =>
      serial(image, async () => {
        if (!reference.test(image))
          return err(fault("bad-input", `${JSON.stringify(image.slice(0, 200))} is no image name`));
        const floats = !image.includes("@") && (!/:[^/]+$/.test(image) || image.endsWith(":latest"));
        const always = policy === "Always" || (policy === undefined && floats);
        const here = await look(image);
        if (here && !always) return ok(here);
        if (policy === "Never")
          return here ? ok(here) : err(fault("unavailable", `${image} is not here, and imagePullPolicy is Never`));
        const pulled = await askEngine(engine, ["pull", "--quiet", image], { authFile, timeoutMs: pullTimeoutMs });
        if (!pulled.ok) return pulled;
        if (pulled.value.code !== 0)
          return err(fault("unavailable", `${image} cannot be pulled: ${saidBy(pulled.value)}`));
        const got = await look(image);
        return got ? ok(got) : err(fault("unavailable", `${image} was pulled and is not there`));
      }),
  };
}
