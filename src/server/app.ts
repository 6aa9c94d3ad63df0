import type { Context } from "hono";
import { Hono } from "hono";
import { fault } from "../core/index.ts";
import type { Principal } from "../family/index.ts";
import { roleAtLeast } from "../family/index.ts";
import type { GitDoor } from "../forge/index.ts";
import { type ApiParts, apiRoutes } from "./api.ts";
import { checkHost, checkOrigin, securityHeaders } from "./doors.ts";
import type { EventStream } from "./events.ts";
import { serveReleaseFile } from "./proof-routes.ts";
import { serveResults } from "./results-door.ts";
import { faultAnswer, openApiDocument, type Route } from "./routes.ts";
import type { Sessions } from "./session.ts";
import { limitSignIn, type SignIns, tooManySignIns } from "./sign-in-limit.ts";

export interface AppParts extends ApiParts {
  readonly version: string;
  readonly sessions: Sessions;
  readonly signIns: SignIns;
  readonly events: EventStream;
  readonly gitDoor: GitDoor;
  /** Gets the connection's own streams beside the request. */
  readonly registryDoor: (request: Request, env?: unknown) => Promise<Response>;
  readonly hosts: () => ReadonlySet<string>;
  /** On loopback, or where the family file opens reading: no token is needed to read. */
  readonly anonymousRead: () => boolean;
  /** Everything was taken in and decided; before it `/readyz` answers 503. */
  readonly ready: () => boolean;
  readonly metrics: () => Promise<string>;
  /** Pages and their assets, mounted at `/`. */
  readonly pages: Hono<PageEnv>;
  readonly onBug: (error: unknown) => void;
}

/** What pages find in their context. */
export interface PageEnv {
  readonly Variables: {
    readonly viewer: { readonly principal: Principal | undefined; readonly csrf: string | undefined };
  };
}

const anonymous: Principal = { user: "anonymous", role: "reader", components: undefined, tokenId: "anonymous" };
const largestBody = 1024 * 1024;

/** One port, all doors (design 6): pages, API, events, registry, git, results, metrics. */
export function createApp(parts: AppParts): Hono<PageEnv> {
  const app = new Hono<PageEnv>();
  app.onError((error, context) => {
    parts.onBug(error);
    return context.json({ error: fault("failed", "Fairlead failed while answering; its log has the details") }, 500);
  });
  app.get("/healthz", (context) => context.text("ok\n"));
  app.use(checkHost({ hosts: parts.hosts }));
  app.get("/readyz", (context) => context.text(parts.ready() ? "ready\n" : "starting\n", parts.ready() ? 200 : 503));
  app.use(limitSignIn(parts.signIns));
  app.all("/v2", (context) => parts.registryDoor(context.req.raw, context.env));
  app.all("/v2/*", (context) => parts.registryDoor(context.req.raw, context.env));
  app.all("/git/*", (context) => gitRequest(parts, context));
  app.use(checkOrigin);
  app.use(securityHeaders);
  mountApi(app, parts);
  app.get("/results/*", async (context) => {
    if (!(await mayRead(parts, context))) return faultAnswer(needToken);
    return await serveResults(parts.results, decoded(context.req.path.slice("/results/".length)));
  });
  app.get("/files/*", async (context) => {
    if (!(await mayRead(parts, context))) return faultAnswer(needToken);
    return await serveReleaseFile(parts.proof, decoded(context.req.path.slice("/files/".length)));
  });
  app.get("/metrics", async (context) => {
    if (!(await mayRead(parts, context))) return faultAnswer(needToken);
    return context.text(await parts.metrics());
  });
  app.post("/login", (context) => signIn(parts, context));
  app.post("/logout", (context) => {
    parts.sessions.signOut(context);
    return context.redirect("/", 303);
  });
  app.use("/*", async (context, next) => {
    const viewer = await parts.sessions.viewerOf(context);
    const open = parts.anonymousRead() || viewer.principal !== undefined;
    if (!open && context.req.path !== "/login" && !context.req.path.startsWith("/assets/"))
      return context.redirect("/login", 303);
    context.set("viewer", viewer);
    await next();
    return undefined;
  });
  app.route("/", parts.pages);
  return app;
}

const needToken = fault("unauthorized", "reading needs a token here", { hint: "fairlead login URL" });

async function mayRead(parts: AppParts, context: Context): Promise<boolean> {
  if (parts.anonymousRead()) return true;
  return (await principalOf(parts, context)) !== undefined;
}

async function principalOf(parts: AppParts, context: Context): Promise<Principal | undefined> {
  const authorization = context.req.header("authorization");
  if (authorization !== undefined) return await parts.access.authenticate(authorization);
  return (await parts.sessions.viewerOf(context)).principal;
}

function mountApi(app: Hono<PageEnv>, parts: AppParts): void {
  const routes = apiRoutes(parts);
  app.get("/api/openapi.json", (context) => context.json(openApiDocument(routes, parts.version)));
  app.get("/api/v1/events", async (context) => {
    if (!(await mayRead(parts, context))) return faultAnswer(needToken);
    const last = context.req.header("last-event-id") ?? context.req.query("after");
    const after = /^\d{1,15}$/.test(last ?? "") ? Number(last) : undefined;
    return await parts.events.open(after, context.req.raw.signal);
  });
  for (const route of routes) {
    app.on(route.method, `/api/v1${route.path}`, (context) => answer(parts, route, context));
  }
  app.all("/api/*", (context) =>
    faultAnswer(
      fault("not-found", `there is no ${context.req.method} ${context.req.path}`, {
        hint: "/api/openapi.json lists what there is",
      }),
    ),
  );
}

async function answer(parts: AppParts, route: Route, context: Context): Promise<Response> {
  const authorization = context.req.header("authorization");
  const principal = await principalOf(parts, context);
  if (authorization !== undefined && !principal)
    return faultAnswer(
      fault("unauthorized", "the token is unknown, expired or revoked", { hint: "fairlead login URL" }),
    );
  if (!principal && !parts.anonymousRead()) return faultAnswer(needToken);
  const body = await readBody(context);
  if (body === "too-large") return faultAnswer(fault("limit", "the request's body is too large"));
  if (body === "broken") return faultAnswer(fault("bad-input", "the request's body is not JSON"));
  const byForm = authorization === undefined && principal !== undefined && route.method !== "GET";
  const { csrf, back, ...fields } = body;
  if (byForm) {
    const given = context.req.header("x-csrf-token") ?? (typeof csrf === "string" ? csrf : undefined);
    if (!parts.sessions.formIsOurs(context, given))
      return faultAnswer(fault("forbidden", "the form is stale", { hint: "load the page again" }));
  }
  const outcome = await route.handle({
    params: Object.fromEntries(Object.entries(context.req.param()).map(([name, value]) => [name, String(value)])),
    query: new URL(context.req.url).searchParams,
    body: byForm ? fields : body,
    principal: principal ?? anonymous,
  });
  if ("headers" in outcome) return outcome;
  if (!outcome.ok) return faultAnswer(outcome.error);
  if (byForm && typeof back === "string" && /^\/(?!\/)[^\r\n\\]{0,500}$/.test(back)) return context.redirect(back, 303);
  return Response.json(outcome.value ?? {});
}

async function readBody(context: Context): Promise<Record<string, unknown> | "too-large" | "broken"> {
  if (context.req.method === "GET" || context.req.method === "HEAD") return {};
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of context.req.raw.body ?? []) {
    size += chunk.length;
    if (size > largestBody) return "too-large";
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (text === "") return {};
  if ((context.req.header("content-type") ?? "").startsWith("application/x-www-form-urlencoded"))
    return Object.fromEntries(new URLSearchParams(text));
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : "broken";
  } catch {
    return "broken";
  }
}

async function signIn(parts: AppParts, context: Context): Promise<Response> {
  const body = await readBody(context);
  const token = typeof body === "object" && typeof body["token"] === "string" ? body["token"].trim() : "";
  const pause = await parts.signIns.pauseBefore(context, token);
  if (pause !== undefined) return tooManySignIns(pause);
  const principal = await parts.access.principalOf(token);
  if (!principal) return context.redirect("/login?wrong=1", 303);
  parts.sessions.signIn(context, token, new URL(context.req.url).protocol === "https:");
  return context.redirect("/", 303);
}

/** Reading needs what pages need; pushing needs a contributor, whom git asks for by a 401. */
async function gitRequest(parts: AppParts, context: Context): Promise<Response> {
  const match = /^\/git\/([a-z0-9-]{1,63})\.git\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(context.req.path);
  const [, component = "", path = ""] = match ?? [];
  const known = parts.family().components.some((each) => each.name === component);
  const authorization = context.req.header("authorization");
  const principal = await parts.access.authenticate(authorization);
  const pushing = path === "git-receive-pack" || context.req.query("service") === "git-receive-pack";
  const ask = (message: string) =>
    context.text(`${message}\n`, 401, { "www-authenticate": 'Basic realm="Fairlead: a token as the password"' });
  if (!principal && (pushing || !parts.anonymousRead())) return ask("a token is needed, as the password");
  if (!match || !known) return context.text("there is no such repository\n", 404);
  if (principal && pushing && !roleAtLeast(principal.role, "contributor"))
    return context.text(`${principal.user} is ${principal.role} here; pushing needs a contributor\n`, 403);
  return await parts.gitDoor.handle(context.req.raw, component, path, principal ?? anonymous);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return "";
  }
}
