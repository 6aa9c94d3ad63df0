import { createHash } from "node:crypto";
import { type Clock, err, type Fault, fault, forOneLine, ok, type Result } from "../core/index.ts";
import type { Descriptor, Digest } from "./documents.ts";
import { indexTypes, largestManifest, type ManifestDocument, manifestTypes, parseManifest } from "./image-contents.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface RegistryClientOptions {
  readonly clock: Clock;
  /** For a host (with its port); never sent anywhere else. */
  readonly credentials?: (host: string) => Credentials | undefined;
}

export interface RemoteManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly parsed: ManifestDocument;
}

/** OCI distribution, as its client. Every digest is verified. Faults: `not-found`, `forbidden`, `unavailable`, `corrupt`. */
export interface RegistryClient {
  /** By tag or digest. `undefined`: there is none. */
  manifest(host: string, repository: string, reference: string): Promise<Result<RemoteManifest | undefined>>;
  hasBlob(host: string, repository: string, digest: Digest): Promise<Result<boolean>>;
  /** The bytes as they arrive; whoever stores them compares the digest. */
  blob(host: string, repository: string, digest: Digest): Promise<Result<ReadableStream<Uint8Array>>>;
  pushBlob(
    host: string,
    repository: string,
    descriptor: Descriptor,
    open: () => Promise<Result<ReadableStream<Uint8Array>>>,
  ): Promise<Result<void>>;
  pushManifest(
    host: string,
    repository: string,
    reference: string,
    mediaType: string,
    bytes: Uint8Array,
  ): Promise<Result<void>>;
}

const tries = 4;
const mostRedirects = 5;
const requestTimeoutMs = 300_000;
const transferTimeoutMs = 4 * 3_600_000;
const largestAnswer = 64 * 1024;

interface Ask {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for each try. */
  readonly body?: () => Promise<Result<ReadableStream<Uint8Array> | Uint8Array>>;
  readonly scope: string;
  /** Moves a blob: may take hours, where a silent connection is ended by the client below. */
  readonly transfer?: boolean;
}

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { clock } = options;
  const tokens = new Map<string, string>();

  function endpoint(host: string, path: string): URL {
    return new URL(`${isLoopback(host) ? "http" : "https"}://${host}/v2/${path}`);
  }

  async function ask(question: Ask): Promise<Result<Response>> {
    let last: Fault | undefined;
    for (let attempt = 0; attempt < tries; attempt++) {
      if (attempt > 0) await wait(clock, 250 * 2 ** attempt);
      const answer = await askOnce(question);
      if (!answer.ok) {
        if (answer.error.code !== "unavailable") return answer;
        last = answer.error;
        continue;
      }
      const response = answer.value;
      if (response.status !== 429 && response.status < 500) return answer;
      await response.body?.cancel();
      last = fault("unavailable", `${question.url.host} answered ${response.status}`);
      const seconds = Number(response.headers.get("retry-after") ?? "0");
      if (seconds > 0 && seconds <= 60) await wait(clock, seconds * 1000);
    }
    return err(last ?? fault("unavailable", `${question.url.host} could not be reached`));
  }

  async function askOnce(question: Ask): Promise<Result<Response>> {
    const { host } = question.url;
    const known = tokens.get(`${host} ${question.scope}`);
    const first = await send(question, known);
    if (!first.ok || first.value.status !== 401) return first;
    const challenge = first.value.headers.get("www-authenticate") ?? "";
    await first.value.body?.cancel();
    const authorization = await answerChallenge(host, challenge, question.scope);
    if (!authorization.ok) return authorization;
    if (authorization.value === undefined)
      return err(fault("forbidden", `${host} asks for credentials`, loginHint(host)));
    tokens.set(`${host} ${question.scope}`, authorization.value);
    const second = await send(question, authorization.value);
    if (second.ok && second.value.status === 401) {
      await second.value.body?.cancel();
      tokens.delete(`${host} ${question.scope}`);
      return err(fault("forbidden", `${host} does not accept the credentials`, loginHint(host)));
    }
    return second;
  }

  /** Follows redirects by hand: what authenticates us at one host is sent to no other. */
  async function send(question: Ask, authorization: string | undefined): Promise<Result<Response>> {
    let { url } = question;
    for (let hop = 0; hop <= mostRedirects; hop++) {
      const body = await question.body?.();
      if (body && !body.ok) return body;
      const sameHost = url.host === question.url.host;
      const request: RequestInit & { duplex?: "half" } = {
        method: question.method,
        redirect: "manual",
        headers: {
          "user-agent": "fairlead",
          ...question.headers,
          ...(authorization !== undefined && sameHost ? { authorization } : {}),
        },
        signal: AbortSignal.timeout(question.transfer ? transferTimeoutMs : requestTimeoutMs),
        ...(body ? { body: body.value, duplex: "half" } : {}),
      };
      const answered = await attempt(url, request);
      if (!answered.ok) return answered;
      const response = answered.value;
      const location = response.headers.get("location");
      const redirected = response.status >= 300 && response.status < 400 && location !== null;
      if (!redirected) return ok(response);
      await response.body?.cancel();
      const next = new URL(location, url);
      if (!mayLead(url, next))
        return err(
          fault("forbidden", `${url.host} redirects to ${next.protocol}//${next.host}, which is not followed`),
        );
      url = next;
    }
    return err(fault("unavailable", `${question.url.host} redirects without end`));
  }

  async function answerChallenge(host: string, challenge: string, scope: string): Promise<Result<string | undefined>> {
    const credentials = options.credentials?.(host);
    const basic = credentials
      ? `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`
      : undefined;
    if (/^basic\b/i.test(challenge)) return ok(basic);
    const realm = /realm="([^"]{1,2000})"/i.exec(challenge)?.[1];
    if (!/^bearer\b/i.test(challenge) || realm === undefined || !URL.canParse(realm)) return ok(undefined);
    const url = new URL(realm);
    const safe = url.protocol === "https:" || (isLoopback(url.host) && isLoopback(host));
    if (!safe) return err(fault("forbidden", `${host} sends its clients to ${url.host} without encryption`));
    const service = /service="([^"]{1,500})"/i.exec(challenge)?.[1];
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", scope);
    const answered = await attempt(url, {
      headers: basic === undefined ? {} : { authorization: basic },
      redirect: "error",
      signal: AbortSignal.timeout(30_000),
    });
    if (!answered.ok) return answered;
    const response = answered.value;
    if (response.status === 401 || response.status === 403) return ok(undefined);
    if (!response.ok)
      return err(fault("unavailable", `${url.host} answered ${response.status} when asked for a token`));
    const said = await readBounded(response, largestAnswer);
    if (!said.ok) return said;
    const token = tokenOf(said.value);
    return ok(token === undefined ? undefined : `Bearer ${token}`);
  }

  async function unexpected(host: string, response: Response): Promise<Fault> {
    const read = await readBounded(response, largestAnswer);
    const said = read.ok ? forOneLine(Buffer.from(read.value).toString("utf8"), 300) : "";
    const forbidden = response.status === 401 || response.status === 403;
    const code = forbidden
      ? "forbidden"
      : response.status === 409 || response.status === 405
        ? "refused"
        : "unavailable";
    return fault(code, `${host} answered ${response.status}${said ? `: ${said}` : ""}`);
  }

  return {
    manifest: async (host, repository, reference) => {
      const answer = await ask({
        method: "GET",
        url: endpoint(host, `${repository}/manifests/${reference}`),
        headers: { accept: [...manifestTypes, ...indexTypes].join(", ") },
        scope: `repository:${repository}:pull`,
      });
      if (!answer.ok) return answer;
      if (answer.value.status === 404) return ok(undefined);
      if (answer.value.status !== 200) return err(await unexpected(host, answer.value));
      const bytes = await readBounded(answer.value, largestManifest);
      if (!bytes.ok) return bytes;
      const declared = answer.value.headers.get("content-type")?.split(";")[0]?.trim();
      const parsed = parseManifest(bytes.value, declared === "" ? undefined : declared);
      if (!parsed.ok) return err(fault("corrupt", `${host}/${repository}: ${parsed.error.message}`));
      const algorithm = reference.startsWith("sha512:") ? "sha512" : "sha256";
      const digest = `${algorithm}:${createHash(algorithm).update(bytes.value).digest("hex")}`;
      if (reference.includes(":") && reference !== digest)
        return err(fault("corrupt", `${host}/${repository}@${reference} answered other bytes (${digest})`));
      const descriptor = { mediaType: parsed.value.mediaType, digest, size: bytes.value.length };
      return ok({ descriptor, bytes: bytes.value, parsed: parsed.value });
    },
    hasBlob: async (host, repository, digest) => {
      const url = endpoint(host, `${repository}/blobs/${digest}`);
      const answer = await ask({ method: "HEAD", url, scope: `repository:${repository}:pull,push` });
      if (!answer.ok) return answer;
      await answer.value.body?.cancel();
      if (answer.value.status === 404) return ok(false);
      return answer.value.ok ? ok(true) : err(await unexpected(host, answer.value));
    },
    blob: async (host, repository, digest) => {
      const url = endpoint(host, `${repository}/blobs/${digest}`);
      const answer = await ask({ method: "GET", url, scope: `repository:${repository}:pull`, transfer: true });
      if (!answer.ok) return answer;
      if (answer.value.status === 404) return err(fault("not-found", `${host}/${repository} has no blob ${digest}`));
      if (answer.value.status !== 200 || !answer.value.body) return err(await unexpected(host, answer.value));
      return ok(answer.value.body);
    },
    pushBlob: async (host, repository, descriptor, open) => {
      const scope = `repository:${repository}:pull,push`;
      const begun = await ask({ method: "POST", url: endpoint(host, `${repository}/blobs/uploads/`), scope });
      if (!begun.ok) return begun;
      const location = begun.value.headers.get("location");
      if (begun.value.status !== 202 || location === null) return err(await unexpected(host, begun.value));
      await begun.value.body?.cancel();
      const url = URL.canParse(location, begun.value.url) ? new URL(location, begun.value.url) : undefined;
      if (!url || !mayLead(endpoint(host, ""), url))
        return err(fault("forbidden", `${host} sends uploads to ${forOneLine(location)}, which is not followed`));
      url.searchParams.set("digest", descriptor.digest);
      const sent = await ask({
        method: "PUT",
        url,
        headers: { "content-type": "application/octet-stream", "content-length": String(descriptor.size) },
        body: open,
        scope,
        transfer: true,
      });
      if (!sent.ok) return sent;
      if (sent.value.status !== 201) return err(await unexpected(host, sent.value));
      await sent.value.body?.cancel();
      return ok(undefined);
    },
    pushManifest: async (host, repository, reference, mediaType, bytes) => {
      const sent = await ask({
        method: "PUT",
        url: endpoint(host, `${repository}/manifests/${reference}`),
        headers: { "content-type": mediaType },
        body: async () => ok(bytes),
        scope: `repository:${repository}:pull,push`,
      });
      if (!sent.ok) return sent;
      if (sent.value.status !== 201) return err(await unexpected(host, sent.value));
      await sent.value.body?.cancel();
      return ok(undefined);
    },
  };
}

export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || /^127(\.\d{1,3}){3}$/.test(name) || name === "[::1]";
}

/** Where a registry may send us: not off encryption, and not from elsewhere to this machine. */
function mayLead(from: URL, to: URL): boolean {
  if (isLoopback(to.host)) return isLoopback(from.host) && /^https?:$/.test(to.protocol);
  return to.protocol === "https:";
}

async function readBounded(response: Response, limit: number): Promise<Result<Uint8Array>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > limit) return err(fault("limit", `the answer has more than ${limit} bytes`));
      chunks.push(chunk);
    }
  } catch (error) {
    return err(fault("unavailable", "the connection broke while the answer was read", { cause: error }));
  }
  return ok(Buffer.concat(chunks));
}

function tokenOf(bytes: Uint8Array): string | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof answer !== "object" || answer === null) return undefined;
  const token = "token" in answer ? answer.token : "access_token" in answer ? answer.access_token : undefined;
  return typeof token === "string" && token !== "" ? token : undefined;
}

async function attempt(url: URL, request: RequestInit): Promise<Result<Response>> {
  try {
    return ok(await fetch(url, request));
  } catch (error) {
    return err(networkFault(url.host, error));
  }
}

function networkFault(host: string, error: unknown): Fault {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  return fault("unavailable", `${host} could not be reached: ${cause}`, { cause: error });
}

function loginHint(host: string) {
  return { hint: `docker login ${host}` };
}

async function wait(clock: Clock, ms: number): Promise<void> {
  await new Promise<void>((done) => clock.after(ms, done));
}
