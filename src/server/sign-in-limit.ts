import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import type { Context, MiddlewareHandler } from "hono";
import { type Clock, fault, type Millis } from "../core/index.ts";
import { type Access, tokenIn } from "./access.ts";

/** What may be done with a secret that somebody shows at a door. */
export type Admission =
  /** Too many wrong ones came from there; nothing is looked up. */
  | { readonly kind: "wait"; readonly forMs: Millis }
  /** It was shown from there before: looking it up again tells nobody anything new. */
  | { readonly kind: "known" }
  /** Look it up, and say what came of it. */
  | { readonly kind: "new"; readonly settle: (right: boolean) => void };

export interface SignInLimit {
  admit(address: string, secret: string): Admission;
}

/** Wrong secrets that an address may show at once, how long each of them counts, and the longest that they do together. */
const burst = 20;
const eachMs = 3_000;
const longestMs = 3_600_000;
const mostAddresses = 2_000;
const mostSecrets = 64;

interface Budget {
  /** Generic cell rate: when the next wrong secret after all those shown would be on time. */
  next: Millis;
  /** Shown already, right or wrong: the same one again is no further guess. Oldest first. */
  readonly shown: Set<string>;
}

/**
 * Bounds how many wrong secrets one address may try. A script that keeps coming with one revoked token locks nobody out,
 * and who signed in from an address goes on there while others guess from it. Many at once are let through, as many
 * people may stand behind one address, and are paid for afterwards. IPv6 is counted by its /64, which one customer has
 * whole. Held in memory, for so many addresses; a restart begins anew.
 */
export function createSignInLimit(clock: Clock): SignInLimit {
  const budgets = new Map<string, Budget>();

  function budgetOf(address: string): Budget {
    const network = networkOf(address);
    const budget = budgets.get(network) ?? { next: 0, shown: new Set() };
    budgets.delete(network);
    budgets.set(network, budget);
    if (budgets.size > mostAddresses) dropOldest(budgets);
    return budget;
  }

  return {
    admit: (address, secret) => {
      const budget = budgetOf(address);
      const print = createHash("sha256").update(secret).digest("base64url").slice(0, 22);
      if (budget.shown.has(print)) return { kind: "known" };
      const early = budget.next + eachMs - burst * eachMs - clock.now();
      if (early > 0) return { kind: "wait", forMs: early };
      return {
        kind: "new",
        settle: (right) => {
          if (budget.shown.has(print)) return;
          budget.shown.add(print);
          if (budget.shown.size > mostSecrets) dropOldest(budget.shown);
          const now = clock.now();
          if (!right) budget.next = Math.min(Math.max(budget.next, now) + eachMs, now + longestMs);
        },
      };
    },
  };
}

function dropOldest(entries: { keys(): Iterator<string>; delete(key: string): boolean }): void {
  const oldest = entries.keys().next();
  if (!oldest.done) entries.delete(oldest.value);
}

function networkOf(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [before = "", after] = address.toLowerCase().split("%")[0]?.split("::") ?? [];
  const front = before === "" ? [] : before.split(":");
  const back = after === undefined || after === "" ? [] : after.split(":");
  const whole = [...front, ...Array.from({ length: Math.max(8 - front.length - back.length, 0) }, () => "0"), ...back];
  return whole
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}

/** The limit at our doors: whose address counts is read from the request. */
export interface SignIns {
  /** `undefined`: the secret may be tried at any door; else how long its address has to wait. */
  pauseBefore(context: Context, secret: string): Promise<Millis | undefined>;
}

/** `behindProxy`: a proxy of ours stands before the port, and the address that it added last is where a request came from. */
export function createSignIns(options: {
  readonly limit: SignInLimit;
  readonly access: Pick<Access, "principalOf">;
  readonly behindProxy: boolean;
}): SignIns {
  const { limit, access, behindProxy } = options;
  return {
    pauseBefore: async (context, secret) => {
      const socket = remoteAddressIn(context.env);
      // Over no network: a command that reads its own home.
      if (socket === undefined) return undefined;
      const forwarded = behindProxy ? context.req.header("x-forwarded-for")?.split(",").at(-1)?.trim() : undefined;
      const address = forwarded === undefined || forwarded === "" ? socket : forwarded.slice(0, 64);
      const admission = limit.admit(address, secret);
      if (admission.kind === "wait") return admission.forMs;
      // Asked here, once, and not read off what a door answers: where anybody may read, a wrong token is no hindrance.
      if (admission.kind === "new") admission.settle((await access.principalOf(secret)) !== undefined);
      return undefined;
    },
  };
}

/** What `@hono/node-server` hands on: the request's own streams. */
function remoteAddressIn(env: unknown): string | undefined {
  if (typeof env !== "object" || env === null || !("incoming" in env)) return undefined;
  const { incoming } = env;
  if (typeof incoming !== "object" || incoming === null || !("socket" in incoming)) return undefined;
  const { socket } = incoming;
  if (typeof socket !== "object" || socket === null || !("remoteAddress" in socket)) return undefined;
  return typeof socket.remoteAddress === "string" ? socket.remoteAddress : undefined;
}

/** Of the registry's own, given out for some minutes: it alone knows them, and they are no sign-in. */
const issuedByRegistry = /^flr_/;

/** Before every door: secrets in `Authorization`. */
export function limitSignIn(signIns: SignIns): MiddlewareHandler {
  return async (context, next) => {
    const secret = tokenIn(context.req.header("authorization"));
    const counts = secret !== undefined && !(isRegistry(context.req.path) && issuedByRegistry.test(secret));
    const pause = counts ? await signIns.pauseBefore(context, secret) : undefined;
    if (pause !== undefined) return tooMany(context.req.path, pause);
    await next();
    return undefined;
  };
}

function isRegistry(path: string): boolean {
  return path === "/v2" || path.startsWith("/v2/");
}

/** RFC 6585 4, in the words of the door that was asked. */
function tooMany(path: string, forMs: Millis): Response {
  if (!path.startsWith("/api/") && !isRegistry(path)) return tooManySignIns(forMs);
  const message = sentence(forMs);
  const body = path.startsWith("/api/")
    ? { error: fault("limit", message) }
    : { errors: [{ code: "TOOMANYREQUESTS", message, detail: {} }] };
  return Response.json(body, { status: 429, headers: retryAfter(forMs) });
}

/** The same for people. */
export function tooManySignIns(forMs: Millis): Response {
  return new Response(`${sentence(forMs)}\n`, { status: 429, headers: retryAfter(forMs) });
}

function sentence(forMs: Millis): string {
  return `too many wrong tokens came from this address; wait ${Math.ceil(forMs / 1000)} s`;
}

function retryAfter(forMs: Millis): Readonly<Record<string, string>> {
  return { "retry-after": String(Math.ceil(forMs / 1000)) };
}
