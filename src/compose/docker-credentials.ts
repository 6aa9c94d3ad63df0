import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { CredentialSource, Credentials } from "../oci/index.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const largestFile = 1024 * 1024;
const largestAnswer = 64 * 1024;
const helperTimeoutMs = 15_000;
/** What Docker's login calls its hub. */
const hubKey = "https://index.docker.io/v1/";
const hubHosts = new Set(["registry-1.docker.io", "docker.io", "index.docker.io"]);

/**
 * What `docker login` (or podman, skopeo, buildah) stored, by registry host: the credential helper that the file names for
 * it, else the stored credentials. Read each time, so that a login takes effect in a running server.
 */
export function dockerCredentials(env: Environment): CredentialSource {
  return async (host) => {
    for (const file of filesOf(env)) {
      const found = await fromFile(file, host, env);
      if (found) return found;
    }
    return undefined;
  };
}

/** containers-auth.json(5) and Docker's `config.json`, as the tools themselves look for them. */
function filesOf(env: Environment): readonly string[] {
  const named = env["REGISTRY_AUTH_FILE"];
  const runtime = env["XDG_RUNTIME_DIR"];
  const folder = env["DOCKER_CONFIG"] ?? join(env["HOME"] ?? homedir(), ".docker");
  return [
    ...(named === undefined ? [] : [named]),
    join(folder, "config.json"),
    ...(runtime === undefined ? [] : [join(runtime, "containers", "auth.json")]),
  ];
}

async function fromFile(file: string, host: string, env: Environment): Promise<Credentials | undefined> {
  const settings = record(parse(await readBounded(file)));
  if (!settings) return undefined;
  const names = namesOf(host);
  const helpers = record(settings["credHelpers"]);
  const own = names.map((name) => helpers?.[name]).find((helper) => typeof helper === "string");
  const helper = own ?? settings["credsStore"];
  if (typeof helper === "string") {
    for (const name of names) {
      const told = await askHelper(helper, name, env);
      if (told) return told;
    }
  }
  const auths = record(settings["auths"]) ?? {};
  const wanted = new Set(names.map(plainHost));
  for (const [key, entry] of Object.entries(auths)) {
    if (!wanted.has(plainHost(key))) continue;
    const found = storedCredentials(record(entry));
    if (found) return found;
  }
  return undefined;
}

function namesOf(host: string): readonly string[] {
  return hubHosts.has(host) ? [hubKey, ...hubHosts] : [host, `https://${host}`];
}

function plainHost(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

function storedCredentials(entry: Readonly<Record<string, unknown>> | undefined): Credentials | undefined {
  const { auth, identitytoken } = entry ?? {};
  const decoded = typeof auth === "string" ? Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "") : "";
  const colon = decoded.indexOf(":");
  const named = colon < 0 ? undefined : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  if (typeof identitytoken === "string" && identitytoken !== "")
    return { username: named?.username ?? "", password: "", identityToken: identitytoken };
  return named && named.username !== "" ? named : undefined;
}

/** Docker's protocol of helpers: the server's name on stdin, `{Username, Secret}` on stdout. No shell, bounded in time and size. */
async function askHelper(helper: string, server: string, env: Environment): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(helper)) return undefined;
  const child = spawn(`docker-credential-${helper}`, ["get"], {
    env,
    stdio: ["pipe", "pipe", "ignore"],
    timeout: helperTimeoutMs,
    killSignal: "SIGKILL",
  });
  const answer = await new Promise<string | undefined>((done) => {
    const pieces: Buffer[] = [];
    let size = 0;
    child.once("error", () => done(undefined));
    child.stdin.once("error", () => {});
    child.stdout.on("data", (piece: Buffer) => {
      size += piece.length;
      if (size > largestAnswer) child.kill("SIGKILL");
      else pieces.push(piece);
    });
    child.once("close", (code) => done(code === 0 ? Buffer.concat(pieces).toString("utf8") : undefined));
    child.stdin.end(server);
  });
  const told = record(parse(answer));
  const { Username: username, Secret: secret } = told ?? {};
  if (typeof username !== "string" || typeof secret !== "string" || secret === "") return undefined;
  // Docker: this name says that the secret is an identity token.
  return username === "<token>" ? { username, password: "", identityToken: secret } : { username, password: secret };
}

async function readBounded(file: string): Promise<string | undefined> {
  try {
    const handle = await open(file, "r");
    try {
      const { size } = await handle.stat();
      return size > largestFile ? undefined : await handle.readFile("utf8");
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "{}");
  } catch {
    return undefined;
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
