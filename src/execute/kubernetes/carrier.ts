import { lstat, mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Clock, err, fault, ok, type Result } from "../../core/index.ts";
import { carriedCommand } from "../host/index.ts";
import type { ExecutionSpec } from "../model.ts";
import { createUnpacker, pack } from "./bundle.ts";
import type { OpenCluster } from "./cluster.ts";
import { createFrames } from "./frames.ts";
import { type PlacedMount, placeMounts } from "./pod-manifest.ts";
import { containerNames, listOf, objectOf } from "./pod-state.ts";

/** What goes into a pod and comes out of it, by commands in the containers of ours. */
export interface Carrier {
  /** Everything the job needs, variables included; tried again from the start while `wanted`. */
  deliver(wanted: () => boolean): Promise<Result<void>>;
  /** The log as it grows, from where it stood; goes on until `signal`. */
  follow(signal: AbortSignal): Promise<void>;
  /** The rest of the log, and, unless `logOnly`, the folders that are read afterwards in place of those of this machine. */
  collect(wanted: () => boolean, logOnly: boolean): Promise<Result<void>>;
  /** Leaves a signal for the job. */
  signal(name: "INT" | "KILL", wanted: () => boolean): Promise<void>;
}

const tries = 6;
const moveIdleMs = 60_000;
const followIdleMs = 45_000;
const mostFiles = 2_000_000;

export function createCarrier(options: {
  readonly cluster: OpenCluster;
  readonly clock: Clock;
  readonly spec: ExecutionSpec;
  readonly pod: string;
  readonly signal: AbortSignal;
  readonly onLimit: (what: string) => void;
}): Carrier {
  const { cluster, clock, spec, pod } = options;
  const { namespace } = cluster.settings;
  const mounts = placeMounts(spec.mounts);
  let offset = 0;
  const command = (...args: readonly string[]) => [...carriedCommand("carrier.pl"), ...args];
  const pause = (ms: number) => new Promise<void>((done) => clock.after(ms, done));

  /** Again while it is wanted, each time after a longer pause. */
  async function persist(
    wanted: () => boolean,
    once: () => Promise<Result<void>>,
    most = tries,
  ): Promise<Result<void>> {
    let last: Result<void> = err(fault("unavailable", `${pod} is not there any more`));
    for (let attempt = 0; attempt < most && wanted(); attempt++) {
      last = await once();
      if (last.ok || !wanted() || !["unavailable", "failed"].includes(last.error.code)) return last;
      await pause(Math.min(100 * 2 ** attempt, 5000));
    }
    return last;
  }

  function onLog(bytes: Buffer): void {
    offset += bytes.length;
    spec.onOutput(bytes);
  }

  async function collectOnce(logOnly: boolean): Promise<Result<void>> {
    const kept = logOnly ? [] : mounts.filter((each) => each.volume === "work");
    const returned = kept.filter((each) => each.mount.purpose !== "input");
    const scratch = join(dirname(returned[0]?.mount.host ?? "/nowhere"), `.returned-${pod}`);
    if (returned.length > 0) {
      await rm(scratch, { recursive: true, force: true });
      await mkdir(scratch, { mode: 0o700 });
    }
    const unpacker = createUnpacker(scratch, { files: mostFiles, bytes: 4 * spec.limits.diskBytes });
    let whole = false;
    let wanted = true;
    const frames = createFrames((kind, bytes) => {
      if (kind === "L") onLog(bytes);
      else if (kind === "B" && returned.length > 0) wanted = unpacker.push(Buffer.from(bytes)) && wanted;
      else if (kind === "E") whole = true;
    });
    const ended = await cluster.exec({
      namespace,
      pod,
      container: containerNames.carrier,
      argv: command("finish", String(offset), ...returned.map((each) => each.name)),
      onOutput: (chunk) => frames(chunk) && wanted,
      idleMs: moveIdleMs,
    });
    const laid = returned.length > 0 ? await unpacker.end() : ok(undefined);
    // What is given up because of what came stays so; a way that broke may be gone again.
    const result =
      !wanted && !laid.ok
        ? laid
        : !ended.ok
          ? ended
          : whole
            ? laid
            : err(fault("unavailable", "what the pod sent ends early"));
    const placed = result.ok ? await putAllInPlace(scratch, returned) : result;
    if (returned.length > 0) await rm(scratch, { recursive: true, force: true });
    return placed;
  }

  return {
    deliver: (wanted) =>
      persist(wanted, () =>
        cluster.exec({
          namespace,
          pod,
          container: containerNames.receive,
          argv: command("unpack", ...ownerOf(spec)),
          input: pack(
            mounts.flatMap(({ mount, name, volume }) =>
              volume === "own" ? [] : [{ from: mount.host, to: `/fairlead-${volume}/${name}` }],
            ),
            new Map([["/fairlead-door/variables", variablesOf(spec)]]),
          ),
          signal: options.signal,
          idleMs: moveIdleMs,
        }),
      ),
    follow: async (signal) => {
      let failures = 0;
      while (!signal.aborted) {
        const frames = createFrames((kind, bytes) => {
          failures = 0;
          if (kind === "L") onLog(bytes);
          else if (kind === "X") options.onLimit(limitOf(spec));
        });
        await cluster.exec({
          namespace,
          pod,
          container: containerNames.carrier,
          argv: command("follow", String(offset), String(spec.limits.diskBytes)),
          onOutput: frames,
          signal,
          idleMs: followIdleMs,
        });
        if (!signal.aborted) await pause(Math.min(100 * 2 ** failures++, 10_000));
      }
    },
    collect: (wanted, logOnly) => persist(wanted, () => collectOnce(logOnly)),
    signal: async (name, wanted) => {
      await persist(wanted, () =>
        cluster.exec({
          namespace,
          pod,
          container: containerNames.carrier,
          argv: command("signal", name),
          idleMs: moveIdleMs,
        }),
      );
    },
  };
}

/** All of them or none. */
async function putAllInPlace(scratch: string, returned: readonly PlacedMount[]): Promise<Result<void>> {
  for (const { name, mount } of returned) {
    const [came, was] = await Promise.all([lstat(join(scratch, name)).catch(() => undefined), lstat(mount.host)]);
    if (came === undefined || came.isSymbolicLink() || came.isDirectory() !== was.isDirectory())
      return err(fault("corrupt", `what the pod sent has no ${mount.inside}`));
  }
  for (const { name, mount } of returned) await putInPlace(join(scratch, name), mount.host);
  return ok(undefined);
}

/** The job's folder as it was is given up for what came back; where nothing came, it stays. */
async function putInPlace(returned: string, host: string): Promise<void> {
  const before = join(dirname(host), `.before-${basename(host)}`);
  await rm(before, { recursive: true, force: true });
  await rename(host, before);
  try {
    await rename(returned, host);
  } catch (cause) {
    await rename(before, host);
    throw cause;
  }
  await rm(before, { recursive: true, force: true });
}

/** Whom the files belong to: whoever the pod says its job is; else whoever lays them out, which is root. */
function ownerOf(spec: ExecutionSpec): readonly [string, string] {
  const pod = spec.pod?.spec ?? {};
  const security = {
    ...objectOf(pod.securityContext),
    ...objectOf(listOf(pod.containers)[0]?.securityContext),
  };
  const id = (value: unknown) => (typeof value === "number" && Number.isInteger(value) ? String(value) : "-1");
  return [id(security.runAsUser), id(security.runAsGroup)];
}

/** As its first process reads them: the image's own stay where none of ours replaces them. */
function variablesOf(spec: ExecutionSpec): string {
  const lines = Object.entries(spec.env).map(([name, value]) => `${name}=${value.replaceAll("\0", "")}\0`);
  const prefix = spec.pathPrefix ?? [];
  return [...lines, ...(prefix.length > 0 ? [`+PATH=${prefix.join(":")}\0`] : [])].join("");
}

function limitOf(spec: ExecutionSpec): string {
  return `wrote more than its ${Math.round(spec.limits.diskBytes / 1024 ** 2).toLocaleString("en")} MiB into its folders`;
}
