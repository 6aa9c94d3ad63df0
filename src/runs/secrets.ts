import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Fault } from "../core/index.ts";
import type { Mount } from "../execute/index.ts";
import type { Tier } from "../family/index.ts";
import { type Job, type JsonObject, type SecretUse, type SecretVolume, secretUses } from "../jobs/index.ts";
import { type ArtifactMasking, createMasking, type Masking, maskingOfArtifacts } from "../results/index.ts";
import type { Secrets } from "./secret-sources.ts";

/** What one run gets of the secrets that its job names, and what hides them in what it writes. */
export interface GivenSecrets {
  readonly env: Readonly<Record<string, string>>;
  readonly volumes: readonly (SecretVolume & { readonly values: ReadonlyMap<string, Uint8Array> })[];
  /** For the head of the log. */
  readonly lines: readonly string[];
  /** A secret that the family has and that cannot be read. */
  readonly fault: Fault | undefined;
  readonly masking: Masking | undefined;
  readonly artifacts: ArtifactMasking | undefined;
}

const none: GivenSecrets = {
  env: {},
  volumes: [],
  lines: [],
  fault: undefined,
  masking: undefined,
  artifacts: undefined,
};

/**
 * Design 9: secrets belong to the tiers `branch` and `release`, whatever a job asks for; a lower one gets none, which its log
 * says. One that the family file does not name is told and left out, since most jobs with presets for a cluster's
 * credentials never touch them here.
 */
export async function secretsFor(
  run: { readonly job: Job; readonly tier: Tier },
  from: Secrets,
): Promise<GivenSecrets> {
  if (run.job.body.kind !== "pod") return none;
  const uses = secretUses(run.job.body.spec);
  if (uses.length === 0) return none;
  if (run.tier !== "branch" && run.tier !== "release")
    return {
      ...none,
      lines: uses.map((use) => `fairlead: the secret ${use.secret} is not given to tier ${run.tier}: ${lack(use)}`),
    };
  const values = new Map<string, ReadonlyMap<string, Uint8Array>>();
  const lines: string[] = [];
  for (const name of new Set(uses.map((use) => use.secret))) {
    const read = await from.read(name, keysOf(name, uses));
    if (!read.ok) return { ...none, fault: read.error };
    if (read.value) values.set(name, read.value);
  }
  const env: Record<string, string> = {};
  const volumes: GivenSecrets["volumes"][number][] = [];
  for (const use of uses) {
    const found = values.get(use.secret);
    if (!found) lines.push(`fairlead: the family file names no secret ${use.secret}: ${lack(use)}`);
    else if (use.kind === "volume") volumes.push({ ...use, values: found });
    else if (use.kind === "variables")
      for (const [key, value] of found) env[`${use.prefix}${key}`] = Buffer.from(value).toString();
    else {
      const value = found.get(use.key);
      if (value) env[use.name] = Buffer.from(value).toString();
      else lines.push(`fairlead: the secret ${use.secret} has no key ${use.key}: ${lack(use)}`);
    }
  }
  const masking = maskingFor(run.job, [...values.values()]);
  return { ...masking, env, volumes, lines: [...lines, ...masking.lines], fault: undefined };
}

/** The files of the secrets in a folder of the run, mounted read-only where the job looks for them. */
export async function secretMounts(secrets: GivenSecrets, folder: string): Promise<readonly Mount[]> {
  const mounts: Mount[] = [];
  for (const [index, volume] of secrets.volumes.entries()) {
    const inside = volume.mountPath.replace(/\/+$/, "");
    if (!isMountable(inside)) continue;
    const host = join(folder, "secrets", String(index));
    await mkdir(host, { recursive: true, mode: 0o700 });
    const items = volume.items ?? [...volume.values.keys()].map((key) => ({ key, path: key }));
    for (const { key, path } of items) {
      const value = volume.values.get(key);
      if (!value || !isInside(path)) continue;
      await mkdir(dirname(join(host, path)), { recursive: true });
      await writeFile(join(host, path), value, { mode: volume.mode | 0o400 });
    }
    if (volume.subPath === undefined) mounts.push({ host, inside, writable: false });
    else if (isInside(volume.subPath)) mounts.push({ host: join(host, volume.subPath), inside, writable: false });
  }
  return mounts;
}

/** Folders of the machine or of ours that no secret may cover; below `/etc` there is room. */
const covered =
  /^\/(usr|lib\w*|bin|sbin|proc|sys|dev|run|tools|fairlead-tools|logs|cache|tmp|home\/prow\/go)(\/|$)|^\/(etc|home|home\/prow)?$/;

function isMountable(path: string): boolean {
  return path.startsWith("/") && isInside(path.slice(1)) && !covered.test(path);
}

function isInside(path: string): boolean {
  return path !== "" && path.split("/").every((name) => name !== "" && name !== "." && name !== "..");
}

function lack(use: SecretUse): string {
  if (use.kind === "volume") return `nothing stands at ${use.mountPath}`;
  return use.kind === "variable" ? `$${use.name} is not set` : "none of its variables is set";
}

function keysOf(name: string, uses: readonly SecretUse[]): readonly string[] {
  const keys = uses
    .filter((use) => use.secret === name)
    .flatMap((use) => {
      if (use.kind === "variable") return [use.key];
      return use.kind === "volume" ? (use.items ?? []).map((item) => item.key) : [];
    });
  return [...new Set(keys)];
}

/** Prow 4.4: whatever the job holds is hidden in its log and artifacts; its `censoring_options` say where not. */
function maskingFor(job: Job, held: readonly ReadonlyMap<string, Uint8Array>[]) {
  const options = objectOf(job.decoration?.censoring_options);
  const shortest = options.minimum_secret_length;
  const masking = createMasking({
    secrets: held.flatMap((values) => [...values.values()].map(textOf)),
    minimumLength: typeof shortest === "number" ? shortest : 0,
  });
  const globs = (name: string) => {
    const given = options[name];
    return Array.isArray(given) && given.length > 0 ? given.map(String) : undefined;
  };
  const chosen = maskingOfArtifacts(masking, {
    include: globs("include_directories"),
    exclude: globs("exclude_directories"),
  });
  if (chosen.ok) return { masking, artifacts: chosen.value, lines: [] };
  const line = `fairlead: censoring_options are not used, all artifacts are looked through: ${chosen.error.message}`;
  return { masking, artifacts: { masking, applies: () => true }, lines: [line] };
}

/** Bytes that are no text are looked for in their base64 form. */
function textOf(value: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return Buffer.from(value).toString("base64");
  }
}

function objectOf(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
