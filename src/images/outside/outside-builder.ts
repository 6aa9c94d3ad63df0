import { access, chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { createSerial, err, type Fault, fault, ok, type Result } from "../../core/index.ts";
import type { Executor, Outcome } from "../../execute/index.ts";
import { type Platform, readImageFolder } from "../../oci/index.ts";
import { undeclaredWarnings } from "../assemble/needed-stages.ts";
import { type OpenedDockerfile, openDockerfile } from "../assemble/open-dockerfile.ts";
import type { PlatformBuild, PlatformImage } from "../assemble/platform-image.ts";
import { placeOf, unsupportedIn } from "../dockerfile/instructions.ts";
import type { BuilderName, BuildPlace } from "../model.ts";
import { takeImage } from "../taken/take-image.ts";
import { type BaseDoor, openBaseDoor } from "./base-door.ts";
import { namedImages } from "./named-images.ts";
import { inside, type Program, programCommand, programs } from "./program.ts";
import { writeContext } from "./write-context.ts";

/** Makes images whose Dockerfile runs something, with a program of this machine, in a cage of its own. */
export interface OutsideBuilder {
  build(
    build: PlatformBuild,
    named: BuilderName | undefined,
    place: BuildPlace,
  ): Promise<Result<PlatformImage & { readonly tool: string }>>;
}

export interface OutsideBuilderOptions {
  /** One whose cage can have many ids; `undefined` where there is none. */
  readonly executor: Pick<Executor, "start" | "capabilities"> | undefined;
}

const mostImageBytes = 16 * 1024 ** 3;
const storageBytes = Math.min(8 * 1024 ** 3, Math.floor(totalmem() / 2));
const limits = {
  logBytes: 64 * 1024 ** 2,
  diskBytes: 20 * 1024 ** 3,
  processes: 4096,
  memoryBytes: 12 * 1024 ** 3,
};
const mend = "apt-get install buildah uidmap, or build in the `build` script what RUN makes and COPY it";

export function createOutsideBuilder(options: OutsideBuilderOptions): OutsideBuilder {
  // What a builder unpacks lies in memory: one at a time.
  const alone = createSerial();
  let known: Promise<readonly { readonly program: Program; readonly version: string }[]> | undefined;

  async function findPrograms() {
    const capabilities = (await options.executor?.capabilities()) ?? [];
    return programs.flatMap((program) => {
      const found = capabilities.find((each) => each.need === program && each.present);
      return found ? [{ program, version: /\d+\.\d+(?:\.\d+)?/.exec(found.detail)?.[0] ?? "" }] : [];
    });
  }

  async function choose(named: BuilderName | undefined, why: Fault) {
    known ??= findPrograms();
    const here = await known;
    const chosen = here.find((each) => named === undefined || each.program === named);
    if (chosen) return ok(chosen);
    const what = named === undefined ? "neither buildah nor podman is" : `${named} is not`;
    return err(fault("missing-need", `${why.message}, and ${what} on this machine`, { place: why.place, hint: mend }));
  }

  async function build(asked: PlatformBuild, named: BuilderName | undefined, place: BuildPlace) {
    const { spec, context } = asked;
    const opened = await openDockerfile(context, spec);
    if (!opened.ok) return opened;
    const why = whatNeedsIt(opened.value);
    const chosen = await choose(named, why);
    if (!chosen.ok) return chosen;
    const foreign = await notRunHere(spec.platform, why);
    if (foreign) return err(foreign);
    const named_ = namedImages(opened.value);
    if (!named_.ok) return named_;
    const { names, bottom } = named_.value;
    const door = await openBaseDoor({ ...asked, platform: spec.platform, names });
    if (!door.ok) return door;
    const folder = join(place.folder, "build");
    try {
      const written = await prepare(asked, opened.value, door.value, folder);
      if (!written.ok) return written;
      const { program, version } = chosen.value;
      place.tell(`${spec.dockerfile} is built by ${program} ${version} in a cage of its own (chroot isolation)`);
      const argv = programCommand({
        program,
        platform: spec.platform,
        names,
        docker: door.value.isDocker(bottom),
        args: spec.args,
        labels: asked.labels,
        epoch: Math.floor(asked.epoch / 1000),
      });
      const ran = await run(argv, door.value, folder, place);
      if (!ran.ok) return err({ ...ran.error, place: ran.error.place ?? why.place });
      const image = await takeBack(asked, join(folder, "image"));
      if (!image.ok) return image;
      const warnings = [...undeclaredWarnings(opened.value.instructions, spec), ...image.value.warnings];
      return ok({ ...image.value, bases: door.value.used, warnings, tool: `${program} ${version}`.trim() });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async function run(
    argv: readonly string[],
    door: BaseDoor,
    folder: string,
    place: BuildPlace,
  ): Promise<Result<Outcome>> {
    if (!options.executor) throw new Error("a program was found without an executor");
    if (place.signal.aborted) return err(fault("failed", `was aborted: ${String(place.signal.reason)}`));
    const started = await options.executor.start({
      runId: place.runId,
      buildId: `${place.buildId}-image`,
      tier: place.tier,
      argv,
      cwd: inside.storage,
      // The program's own; what RUN sees of it is the way out.
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: "/home/prow",
        TMPDIR: inside.storage,
      },
      mounts: [
        { host: join(folder, "input"), inside: inside.input, writable: false },
        { host: join(folder, "containers"), inside: "/etc/containers", writable: false },
        { host: join(folder, "image"), inside: inside.output, writable: true },
      ],
      timeoutMs: Math.max(place.timeoutMs, 1),
      graceMs: 1000,
      limits,
      network: "egress",
      ids: "range",
      scratch: [
        { inside: inside.storage, bytes: storageBytes },
        // Both write lists of what they saw, wherever their storage is.
        ...["/var/cache", "/var/lib", "/run/libpod", "/run/lock"].map((each) => ({
          inside: each,
          bytes: 16 * 1024 ** 2,
        })),
      ],
      services: door.services,
      onOutput: place.onOutput,
    });
    if (!started.ok) return started;
    const onAbort = () => started.value.abort(String(place.signal.reason));
    place.signal.addEventListener("abort", onAbort, { once: true });
    const outcome = await started.value.outcome;
    place.signal.removeEventListener("abort", onAbort);
    for (const { target, allowed } of outcome.reached.slice(0, 50)) {
      if (!allowed) place.tell(`${target} was refused: runs reach no loopback, link-local or private address`);
    }
    if (outcome.kind === "exited" && outcome.exitCode === 0) return ok(outcome);
    return err(fault("failed", `the build ${outcome.description}`, { hint: "what it said stands above in the log" }));
  }

  return { build: (...asked) => alone("build", () => build(...asked)) };
}

/** The instruction for which an outside builder is needed, or the choice of one. */
function whatNeedsIt({ stages, needed }: OpenedDockerfile): Fault {
  for (const index of needed) {
    const stage = stages.stages[index];
    for (const instruction of stage ? [stage.opening, ...stage.instructions] : []) {
      const supported = unsupportedIn(instruction);
      if (!supported.ok) return supported.error;
    }
  }
  const opening = stages.stages[0]?.opening;
  return fault("bad-input", "the image asks for an outside builder", opening ? { place: placeOf(opening) } : {});
}

const emulators: Readonly<Record<string, string>> = {
  amd64: "x86_64",
  arm64: "aarch64",
  arm: "arm",
  ppc64le: "ppc64le",
  s390x: "s390x",
  riscv64: "riscv64",
  "386": "i386",
};

/** Programs of other machines run only where the kernel was told how. */
async function notRunHere({ os, architecture }: Platform, why: Fault): Promise<Fault | undefined> {
  const own = process.arch === "x64" ? "amd64" : process.arch;
  if (os === "linux" && (architecture === own || (own === "amd64" && architecture === "386"))) return undefined;
  const emulator = `/proc/sys/fs/binfmt_misc/qemu-${emulators[architecture] ?? architecture}`;
  const emulated =
    os === "linux" &&
    (await access(emulator).then(
      () => true,
      () => false,
    ));
  if (emulated) return undefined;
  return fault("missing-need", `${why.message}, and nothing for ${os}/${architecture} can be run on this machine`, {
    place: why.place,
    hint:
      os === "linux"
        ? "apt-get install qemu-user-static, or list the platforms that are built here"
        : "have the `build` script make what RUN makes, and COPY it",
  });
}

/** What the cage is given: the Dockerfile, the context, and where images are to be had. */
async function prepare(
  asked: PlatformBuild,
  opened: OpenedDockerfile,
  door: BaseDoor,
  folder: string,
): Promise<Result<void>> {
  const [input, containers, image] = ["input", "containers", "image"].map((name) => join(folder, name));
  if (!input || !containers || !image) throw new Error("three folders were named");
  await rm(folder, { recursive: true, force: true });
  for (const each of [folder, input, containers, image]) {
    await mkdir(each, { recursive: true });
    // Whoever builds has another id; the run's folder above is closed to all but the server.
    await chmod(each, each === image ? 0o777 : 0o755);
  }
  const files: readonly (readonly [string, string])[] = [
    [join(input, "Dockerfile"), opened.text],
    [join(input, "nothing-ignored"), ""],
    [join(containers, "registries.conf"), door.registriesConf],
    [join(containers, "policy.json"), JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] })],
  ];
  for (const [path, text] of files) {
    await writeFile(path, text);
    await chmod(path, 0o644);
  }
  return await writeContext(
    await asked.context.ignoringFor(asked.spec.dockerfile),
    join(input, "context"),
    asked.epoch,
  );
}

/** The builder is dead: what it left is read, compared with what it says, labelled and looked at as everything else. */
async function takeBack(asked: PlatformBuild, folder: string): Promise<Result<PlatformImage>> {
  const { blobs, spec } = asked;
  const found = await readImageFolder(blobs, folder, mostImageBytes);
  if (!found.ok) return found;
  const [image] = found.value;
  const taken = image ? await takeImage(blobs, image.root, asked.labels) : err(fault("failed", "no image was built"));
  if (!taken.ok) return taken;
  const [only] = taken.value.platforms;
  if (!only || only.platform.os !== spec.platform.os || only.platform.architecture !== spec.platform.architecture)
    return err(fault("failed", `what was built is for ${only?.platform.os}/${only?.platform.architecture}`));
  return ok({
    platform: { ...spec.platform, ...only.platform },
    manifest: only.manifest,
    diffIds: only.diffIds,
    entrypoint: only.entrypoint,
    bases: [],
    warnings: taken.value.warnings.map((message) => fault("bad-input", message)),
    docker: only.manifest.mediaType.includes("docker"),
  });
}
