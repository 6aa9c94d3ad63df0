import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Credentials } from "../oci/index.ts";

/** What `docker login` (or podman, skopeo, buildah) stored, by registry host. Credential helpers are not asked. */
export async function dockerCredentials(
  env: Readonly<Record<string, string | undefined>>,
): Promise<(host: string) => Credentials | undefined> {
  const folder = env["DOCKER_CONFIG"] ?? join(env["HOME"] ?? homedir(), ".docker");
  const text = await readFile(join(folder, "config.json"), "utf8").catch(() => "{}");
  const known = new Map<string, Credentials>();
  for (const [host, auth] of entries(text)) {
    const decoded = Buffer.from(auth, "base64").toString("utf8");
    const at = decoded.indexOf(":");
    if (at > 0)
      known.set(host.replace(/^https?:\/\//, "").replace(/\/.*$/, ""), {
        username: decoded.slice(0, at),
        password: decoded.slice(at + 1),
      });
  }
  return (host) => known.get(host);
}

function entries(text: string): readonly (readonly [string, string])[] {
  try {
    const value: { auths?: Record<string, { auth?: unknown }> } = JSON.parse(text);
    return Object.entries(value.auths ?? {}).flatMap(([host, entry]) =>
      typeof entry.auth === "string" ? [[host, entry.auth] as const] : [],
    );
  } catch {
    return [];
  }
}
