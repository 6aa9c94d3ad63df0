import { err, type Fault, fault, ok, type Result } from "../core/index.ts";

/** Asks a server's API. Faults are the server's own, or `unavailable`. */
export interface ApiClient {
  readonly url: string;
  /** Reads the home itself, since no server runs: acting is refused. */
  readonly readsHome: boolean;
  /** Where a component's repository is read; without `url` it is in the home. */
  repositoryOf(component: string): { readonly url: string | undefined; readonly authorization: string | undefined };
  get<T>(path: string): Promise<Result<T>>;
  post<T>(path: string, body: unknown): Promise<Result<T>>;
  delete<T>(path: string): Promise<Result<T>>;
  /** The answer itself, for logs, streams and archives. */
  raw(path: string, init?: RequestInit): Promise<Result<Response>>;
}

export type Fetch = (request: Request) => Promise<Response>;

export function createApiClient(options: {
  readonly url: string;
  readonly token: string | undefined;
  readonly fetch: Fetch;
  readonly readsHome: boolean;
}): ApiClient {
  const { token, readsHome } = options;
  const url = options.url.replace(/\/+$/, "");

  async function raw(path: string, init: RequestInit = {}): Promise<Result<Response>> {
    if (readsHome && init.method !== undefined && init.method !== "GET" && path !== "/plan")
      return err(fault("unavailable", "no server runs on this home", { hint: "start it: fairlead serve" }));
    try {
      const headers = new Headers(init.headers);
      if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
      const response = await options.fetch(new Request(`${url}/api/v1${path}`, { ...init, headers }));
      return response.ok ? ok(response) : err(await faultOf(response));
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      return err(
        fault("unavailable", `${url} cannot be reached: ${cause}`, {
          hint: "start it: fairlead serve, or name another with --server",
        }),
      );
    }
  }

  async function ask<T>(path: string, init: RequestInit): Promise<Result<T>> {
    const response = await raw(path, init);
    if (!response.ok) return response;
    const value: T = JSON.parse(await response.value.text());
    return ok(value);
  }

  const json = (method: string, body: unknown): RequestInit => ({
    method,
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
  return {
    url,
    readsHome,
    raw,
    repositoryOf: (component) => ({
      url: readsHome ? undefined : `${url}/git/${component}.git`,
      authorization: token && `Basic ${Buffer.from(`fairlead:${token}`).toString("base64")}`,
    }),
    get: (path) => ask(path, {}),
    post: (path, body) => ask(path, json("POST", body)),
    delete: (path) => ask(path, json("DELETE", {})),
  };
}

async function faultOf(response: Response): Promise<Fault> {
  const text = await response.text();
  try {
    const answer: { error?: Fault } = JSON.parse(text);
    if (typeof answer.error?.message === "string" && typeof answer.error.code === "string") return answer.error;
  } catch {
    // Not ours: told below.
  }
  return fault("unavailable", `the server answered ${response.status}: ${text.slice(0, 200)}`);
}

/** A query string of what is given; leading `?` included where there is any. */
export function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}
