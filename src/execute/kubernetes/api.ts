import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { type Clock, err, fault, ok, type Result } from "../../core/index.ts";
import type { Json, JsonObject } from "../../jobs/index.ts";
import type { Connection } from "./connection.ts";

/** What the server answered once it answered for itself: never 429 or 5xx. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: JsonObject;
  /** `message` of a `Status`, as one line. */
  readonly said: string;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: JsonObject;
}

export interface KubernetesApi {
  /** Asked again while the server is busy, broken or silent. Fault `unavailable` when it stays so. */
  call(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: JsonObject): Promise<Result<ApiAnswer>>;
  /** One watch until it ends, however it ends. Status 410 and the like come as an event `ERROR` or as the fault. */
  watch(path: string, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<Result<void>>;
}

const attempts = 7;
const answerMs = 30_000;
/** Bookmarks come about once a minute. */
const silentWatchMs = 150_000;
const mostBytes = 64 * 1024 ** 2;
const longestEvent = 4 * 1024 ** 2;

/** How long to wait before the next try: what the server asks for within bounds, else twice as long each time. */
export function waitBefore(attempt: number, retryAfter: string | undefined): number {
  const asked = /^\d{1,6}$/.test(retryAfter ?? "") ? Number(retryAfter) * 1000 : undefined;
  return Math.min(asked ?? 200 * 2 ** attempt, asked === undefined ? 10_000 : 30_000);
}

export function createApi(connection: Connection, clock: Clock): KubernetesApi {
  const pause = (ms: number) => new Promise<void>((done) => clock.after(ms, done));

  async function open(
    method: string,
    path: string,
    body: string | undefined,
    idleMs: number,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const options = await connection.options();
    const url = new URL(path, connection.server);
    const send = url.protocol === "https:" ? requestSecure : requestPlain;
    return await new Promise((resolve, reject) => {
      const request = send(url, {
        ...options,
        method,
        signal,
        headers: {
          ...options.headers,
          accept: "application/json",
          ...(body === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
        },
      });
      request.setTimeout(idleMs, () => request.destroy(new Error(`was silent for ${idleMs / 1000} s`)));
      request.once("response", resolve);
      request.once("error", reject);
      request.end(body);
    });
  }

  async function once(method: string, path: string, body: string | undefined) {
    const response = await open(method, path, body, answerMs);
    const text = await textOf(response);
    const parsed = objectIn(text);
    const status = response.statusCode ?? 0;
    const message = typeof parsed?.message === "string" ? parsed.message : text;
    const said = message.replaceAll(/\s+/g, " ").slice(0, 500);
    return { status, body: parsed, said, retryAfter: response.headers["retry-after"] };
  }

  return {
    call: async (method, path, body) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      let why = "";
      for (let attempt = 0; attempt < attempts; attempt++) {
        let retryAfter: string | undefined;
        try {
          const { status, body: answer, said, ...more } = await once(method, path, text);
          if (answer && status < 500 && status !== 429) return ok({ status, body: answer, said });
          why = answer ? `${status} ${said}` : `${status} and no JSON`;
          retryAfter = more.retryAfter;
        } catch (cause) {
          why = cause instanceof Error ? cause.message : String(cause);
        }
        if (attempt < attempts - 1) await pause(waitBefore(attempt, retryAfter));
      }
      return err(
        fault("unavailable", `${connection.server.host} does not answer ${method} ${path}: ${why.slice(0, 300)}`),
      );
    },
    watch: async (path, onEvent, signal) => {
      try {
        const response = await open("GET", path, undefined, silentWatchMs, signal);
        if (response.statusCode !== 200) {
          const message = objectIn(await textOf(response))?.message;
          const said = typeof message === "string" ? message : "";
          const facts = { status: response.statusCode, retryAfter: response.headers["retry-after"] };
          return err(fault("unavailable", `the watch is refused: ${response.statusCode} ${said}`, { facts }));
        }
        await readEvents(response, onEvent);
        return ok(undefined);
      } catch (cause) {
        return err(fault("unavailable", `the watch broke: ${cause instanceof Error ? cause.message : ""}`, { cause }));
      }
    },
  };
}

/** One event a line. A line that is no event ends the watch: what follows could not be trusted to be whole. */
async function readEvents(response: IncomingMessage, onEvent: (event: WatchEvent) => void): Promise<void> {
  let kept = "";
  response.setEncoding("utf8");
  for await (const chunk of response) {
    const lines = `${kept}${String(chunk)}`.split("\n");
    kept = lines.pop() ?? "";
    if (kept.length > longestEvent) throw new Error("an event has no end");
    for (const line of lines) {
      if (line === "") continue;
      const event = objectIn(line);
      const object = event?.object;
      if (!event || typeof event.type !== "string" || !isObject(object)) throw new Error("what came is no event");
      onEvent({ type: event.type, object });
    }
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size > mostBytes) throw new Error("the answer is larger than 64 MiB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function objectIn(text: string): JsonObject | undefined {
  try {
    const parsed: Json = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
