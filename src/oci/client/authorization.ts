import { type Clock, err, fault, ok, type Result } from "../../core/index.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { isLoopback, mayLead } from "./hosts.ts";
import { readBounded } from "./read-bounded.ts";
import type { Wire } from "./wire.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** An OAuth2 refresh token, which some registries' `docker login` stores in place of a password. */
  readonly identityToken?: string | undefined;
}

/** For a host with its port; never sent anywhere else. `undefined`: there are none. */
export type CredentialSource = (host: string) => Promise<Credentials | undefined> | Credentials | undefined;

/** What authenticates us at registries: asked for when one challenges us, kept until it ends. */
export interface Authorizations {
  /** The header's value for what may be done at the host; `undefined` before it was ever asked for. */
  known(host: string, scopes: readonly string[]): string | undefined;
  /** `undefined`: there is nothing to answer the challenge with. Fault `forbidden`: what it asks would betray credentials. */
  answer(host: string, header: string, scopes: readonly string[]): Promise<Result<string | undefined>>;
  forget(host: string, scopes: readonly string[]): void;
}

const largestAnswer = 64 * 1024;
const answerWithinMs = 110_000;
/** Docker's token flow: a token without `expires_in` lasts 60 s; and none is trusted for longer than an hour. */
const usualLifeSeconds = 60;
const longestLifeSeconds = 3600;
/** Docker's hub is the one registry whose tokens come from another host under a name that everybody knows. */
const knownRealms: Readonly<Record<string, string>> = { "registry-1.docker.io": "auth.docker.io" };

export function createAuthorizations(options: {
  readonly clock: Clock;
  readonly wire: Wire;
  readonly credentials: CredentialSource | undefined;
}): Authorizations {
  const { clock, wire } = options;
  const held = new Map<string, { readonly value: string; readonly until: number }>();
  const keyOf = (host: string, scopes: readonly string[]) => [host, ...scopes].join(" ");

  async function basicOf(host: string): Promise<string | undefined> {
    const credentials = await options.credentials?.(host);
    return credentials && credentials.identityToken === undefined ? basicHeader(credentials) : undefined;
  }

  async function tokenFor(
    host: string,
    { parameters }: Challenge,
    scopes: readonly string[],
  ): Promise<Result<string | undefined>> {
    const realm = parameters["realm"] ?? "";
    if (!URL.canParse(realm) || realm.length > 2000)
      return err(fault("forbidden", `${host} asks for a token but not where from`));
    const url = new URL(realm);
    const from = new URL(`${isLoopback(host) ? "http" : "https"}://${host}`);
    if (!mayLead(from, url))
      return err(
        fault(
          "forbidden",
          `${host} sends its clients to ${url.protocol}//${url.host} for a token, which is not followed`,
        ),
      );
    const credentials = await options.credentials?.(host);
    if (credentials && url.host !== host && url.host !== knownRealms[host])
      return err(
        fault("forbidden", `${host} wants its credentials sent to ${url.host}, another host; they are not`, {
          hint: `log out of ${host} to read it anonymously, or ask its administrators for a realm on ${host}`,
        }),
      );
    const asked = await wire.send(tokenRequest(url, parameters["service"], scopes, credentials));
    if (!asked.ok) return asked;
    const response = asked.value;
    if (response.status === 401 || response.status === 403) {
      await response.body?.cancel();
      return ok(undefined);
    }
    if (response.status !== 200) {
      await response.body?.cancel();
      return err(fault("unavailable", `${url.host} answered ${response.status} when asked for a token`));
    }
    const said = await readBounded(response, largestAnswer);
    if (!said.ok) return said;
    const token = tokenOf(said.value);
    if (!token) return err(fault("unavailable", `${url.host} answered no token when asked for one`));
    const life = Math.min(Math.max(token.seconds, 1), longestLifeSeconds);
    // Renewed a little early: the request that carries it takes time too.
    held.set(keyOf(host, scopes), { value: `Bearer ${token.token}`, until: clock.now() + life * 900 });
    return ok(`Bearer ${token.token}`);
  }

  return {
    known: (host, scopes) => {
      const entry = held.get(keyOf(host, scopes)) ?? held.get(host);
      return entry && entry.until > clock.now() ? entry.value : undefined;
    },
    answer: async (host, header, scopes) => {
      const challenges = parseChallenges(header);
      const bearer = challenges.find((each) => each.scheme === "bearer");
      if (bearer) return await tokenFor(host, bearer, scopes);
      if (!challenges.some((each) => each.scheme === "basic")) return ok(undefined);
      const basic = await basicOf(host);
      if (basic !== undefined) held.set(host, { value: basic, until: Number.POSITIVE_INFINITY });
      return ok(basic);
    },
    forget: (host, scopes) => {
      held.delete(keyOf(host, scopes));
      held.delete(host);
    },
  };
}

function tokenRequest(
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  credentials: Credentials | undefined,
) {
  const shared = { withinMs: answerWithinMs };
  if (credentials?.identityToken !== undefined) {
    const form = new URLSearchParams({ grant_type: "refresh_token", client_id: "fairlead", scope: scopes.join(" ") });
    if (service !== undefined) form.set("service", service);
    form.set("refresh_token", credentials.identityToken);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { ...shared, method: "POST", url: realm, headers, body: Buffer.from(form.toString()) };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  return { ...shared, method: "GET", url, headers: credentials ? { authorization: basicHeader(credentials) } : {} };
}

function basicHeader({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** Docker's token flow: `token`, or `access_token` as OAuth2 has it; with `expires_in` in seconds. */
function tokenOf(bytes: Uint8Array): { readonly token: string; readonly seconds: number } | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof answer !== "object" || answer === null) return undefined;
  const token = "token" in answer ? answer.token : "access_token" in answer ? answer.access_token : undefined;
  const seconds = "expires_in" in answer ? answer.expires_in : undefined;
  if (typeof token !== "string" || !/^[\x21-\x7e]{1,32768}$/.test(token)) return undefined;
  return { token, seconds: typeof seconds === "number" && seconds > 0 ? seconds : usualLifeSeconds };
}
