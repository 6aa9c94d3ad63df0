import type { Context, MiddlewareHandler } from "hono";

/** What every request passes first (design 9, the doors). */
export interface DoorRules {
  /** Host headers that are ours: `127.0.0.1:7070`, `localhost:7070`, and what the user named. Empty set: any. */
  readonly hosts: () => ReadonlySet<string>;
}

/** An unknown Host is answered 421: a page of another name (DNS rebinding) gets nothing. */
export function checkHost(rules: DoorRules): MiddlewareHandler {
  return async (context, next) => {
    const hosts = rules.hosts();
    const host = (context.req.header("host") ?? "").toLowerCase();
    if (hosts.size > 0 && !hosts.has(host)) {
      return context.text("this server does not answer under that name", 421);
    }
    await next();
    return undefined;
  };
}

/** Writing from a page of another site is refused; tools that send neither header are not browsers. */
export const checkOrigin: MiddlewareHandler = async (context, next) => {
  if (isReading(context)) {
    await next();
    return undefined;
  }
  const site = context.req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    return context.text("requests from other sites are refused", 403);
  }
  const origin = context.req.header("origin");
  if (origin !== undefined && new URL(origin, "http://invalid").host !== context.req.header("host")) {
    return context.text("requests from other sites are refused", 403);
  }
  await next();
  return undefined;
};

function isReading(context: Context): boolean {
  return context.req.method === "GET" || context.req.method === "HEAD";
}

const pagePolicy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Headers of everything; a handler that set its own policy (results, assets) keeps it. */
export const securityHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  const { headers } = context.res;
  if (!headers.has("content-security-policy")) headers.set("content-security-policy", pagePolicy);
  headers.set("x-content-type-options", "nosniff");
  headers.set("referrer-policy", "same-origin");
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-resource-policy", "same-origin");
};

/** Files that jobs wrote: shown as inert text or downloaded, in an origin of nobody. */
export const sandboxPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";
