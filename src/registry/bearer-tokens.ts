import type { Principal } from "../family/index.ts";
import { registryError } from "./errors.ts";
import type { RunGrant } from "./staging.ts";
import type { RegistryDoorOptions } from "./visit.ts";

/** Who asks. `nobody`: without credentials, or with wrong ones; `anonymous`: with a token that says so. */
export type Visitor =
  | { readonly kind: "person"; readonly principal: Principal; readonly mayReadAnonymously: boolean }
  | { readonly kind: "anonymous" | "nobody"; readonly mayReadAnonymously: boolean }
  | { readonly kind: "run"; readonly grant: RunGrant };

interface BearerTokens {
  whoIs(authorization: string | null): Promise<Visitor>;
  /** Docker's token flow: exchanges Basic credentials, or none, for a short-lived Bearer token. */
  issue(request: Request): Promise<Response>;
}

const lifetimeMs = 5 * 60_000;
const mostIssued = 50_000;

/**
 * Tokens as registry clients know them. What is issued is remembered with the credentials it was issued for, which are
 * asked again at each use: a token of a run that ended, or one revoked, opens nothing any more.
 */
export function createBearerTokens(options: RegistryDoorOptions, forRuns: boolean): BearerTokens {
  const issued = new Map<string, { readonly authorization: string | undefined; readonly until: number }>();
  const known = new Map<string, { readonly principal: Principal; readonly until: number }>();
  const anonymously = () => !forRuns && options.anonymousRead();

  async function byCredentials(authorization: string | undefined): Promise<Visitor | undefined> {
    if (authorization === undefined) return undefined;
    if (forRuns) {
      const grant = options.staging.grantOf(secretIn(authorization) ?? "");
      return grant && { kind: "run", grant };
    }
    const now = options.clock.now();
    const remembered = known.get(authorization);
    const principal =
      remembered && remembered.until > now ? remembered.principal : await options.authenticate(authorization);
    if (!principal) return undefined;
    // A second, so that revoking works at once for people and a push of many blobs asks the database seldom.
    if (known.size > 1000) known.clear();
    if (principal !== remembered?.principal) known.set(authorization, { principal, until: now + 1000 });
    return { kind: "person", principal, mayReadAnonymously: anonymously() };
  }

  return {
    whoIs: async (authorization) => {
      const nobody: Visitor = { kind: "nobody", mayReadAnonymously: anonymously() };
      const bearer = authorization?.match(/^bearer\s+(flr_[0-9a-f]+)$/i)?.[1];
      if (bearer === undefined) return (await byCredentials(authorization ?? undefined)) ?? nobody;
      const token = issued.get(bearer);
      if (!token || token.until <= options.clock.now()) return nobody;
      if (token.authorization === undefined) return { kind: "anonymous", mayReadAnonymously: anonymously() };
      return (await byCredentials(token.authorization)) ?? nobody;
    },
    issue: async (request) => {
      const authorization = request.headers.get("authorization") ?? undefined;
      // An anonymous skopeo sends `Basic Og==`, which is no wrong password.
      const empty = authorization === undefined || /^basic\s+og==$/i.test(authorization);
      const visitor = empty ? undefined : await byCredentials(authorization);
      if (!visitor && !empty) return registryError(401, "UNAUTHORIZED", "the token is unknown, expired or revoked");
      if (!visitor && !anonymously()) return registryError(401, "UNAUTHORIZED", "reading needs a token here");
      const now = options.clock.now();
      for (const [token, { until }] of issued) if (until <= now) issued.delete(token);
      if (issued.size > mostIssued) issued.clear();
      const token = `flr_${options.ids.hex(24)}`;
      issued.set(token, { authorization: visitor ? authorization : undefined, until: now + lifetimeMs });
      return Response.json({ token, access_token: token, expires_in: 300, issued_at: new Date(now).toISOString() });
    },
  };
}

/** The password of Basic, or a Bearer token. */
function secretIn(authorization: string): string | undefined {
  if (authorization.length > 4096) return undefined;
  const [scheme = "", value = ""] = authorization.trim().split(/\s+/, 2);
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return undefined;
  const decoded = Buffer.from(value, "base64").toString("utf8");
  return decoded.slice(decoded.indexOf(":") + 1);
}
