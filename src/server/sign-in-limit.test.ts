import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../core/index.ts";
import type { Principal } from "../family/index.ts";
import { createSignInLimit, createSignIns, limitSignIn, type SignInLimit } from "./sign-in-limit.ts";

/** Shows a secret, and says what the door found; answers how long to wait, or 0. */
function show(limit: SignInLimit, address: string, secret: string, right = false): number {
  const admission = limit.admit(address, secret);
  if (admission.kind === "wait") return admission.forMs;
  if (admission.kind === "new") admission.settle(right);
  return 0;
}

const guess = (limit: SignInLimit, address: string, count: number) =>
  Array.from({ length: count }, (_, n) => show(limit, address, `guess ${n}`)).filter((each) => each === 0).length;

describe("how many wrong tokens an address may show", () => {
  it("lets 20 through at once, then one every three seconds, and says how long to wait", () => {
    const clock = new ManualClock();
    const limit = createSignInLimit(clock);
    expect(guess(limit, "192.0.2.1", 50)).toBe(20);
    expect(show(limit, "192.0.2.1", "another")).toBe(3000);
    clock.advance(2999);
    expect(show(limit, "192.0.2.1", "another")).toBe(1);
    clock.advance(1);
    expect(show(limit, "192.0.2.1", "another")).toBe(0);
    expect(show(limit, "192.0.2.1", "yet another")).toBe(3000);
    expect(show(limit, "192.0.2.2", "yet another")).toBe(0);
  });

  it("locks nobody out for a script with one revoked token, nor who signed in there before", () => {
    const limit = createSignInLimit(new ManualClock());
    for (let n = 0; n < 1000; n++) expect(show(limit, "192.0.2.1", "revoked")).toBe(0);
    expect(show(limit, "192.0.2.1", "ann's", true)).toBe(0);
    expect(guess(limit, "192.0.2.1", 50)).toBe(19);
    expect(show(limit, "192.0.2.1", "ann's", true)).toBe(0);
    expect(show(limit, "192.0.2.1", "bob's", true)).toBeGreaterThan(0);
  });

  it("takes nothing for right ones, however many come at once", () => {
    const limit = createSignInLimit(new ManualClock());
    for (let n = 0; n < 100; n++) expect(show(limit, "192.0.2.1", `robot ${n}`, true)).toBe(0);
    expect(guess(limit, "192.0.2.1", 50)).toBe(20);
  });

  it("has many guesses at once paid for afterwards, for an hour at most", () => {
    const clock = new ManualClock();
    const limit = createSignInLimit(clock);
    const admitted = Array.from({ length: 5000 }, (_, n) => limit.admit("192.0.2.1", `guess ${n}`));
    for (const admission of admitted) if (admission.kind === "new") admission.settle(false);
    expect(show(limit, "192.0.2.1", "another")).toBe(3_600_000 - 19 * 3000);
    clock.advance(3_600_000);
    expect(show(limit, "192.0.2.1", "another")).toBe(0);
  });

  it("counts IPv6 by its /64, and IPv4 the same in both notations", () => {
    const limit = createSignInLimit(new ManualClock());
    guess(limit, "2001:db8:0:1::1", 20);
    expect(show(limit, "2001:0DB8::1:ffff:0:0:7", "x")).toBeGreaterThan(0);
    expect(show(limit, "2001:db8:0:2::1", "x")).toBe(0);
    guess(limit, "::ffff:192.0.2.1", 20);
    expect(show(limit, "192.0.2.1", "x")).toBeGreaterThan(0);
  });

  it("keeps the addresses that came last, and forgets the oldest", () => {
    const limit = createSignInLimit(new ManualClock());
    guess(limit, "a", 20);
    for (let n = 0; n < 1999; n++) show(limit, `b${n}`, "x");
    expect(show(limit, "a", "x")).toBeGreaterThan(0);
    for (let n = 0; n < 2000; n++) show(limit, `c${n}`, "x");
    expect(show(limit, "a", "x")).toBe(0);
  });
});

describe("the limit at the doors", () => {
  function served(behindProxy: boolean) {
    const app = new Hono();
    const ann: Principal = { user: "ann", role: "reader", components: undefined, tokenId: "a" };
    const access = { principalOf: async (token: string) => (token === "right" ? ann : undefined) };
    const signIns = createSignIns({ limit: createSignInLimit(new ManualClock()), access, behindProxy });
    app.use(limitSignIn(signIns));
    // A door where anybody may read: it answers the same to a wrong token.
    app.all("/*", (context) => context.text(""));
    return async (path: string, token: string | undefined, forwarded?: string) =>
      await app.request(
        path,
        {
          headers: {
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }),
          },
        },
        { incoming: { socket: { remoteAddress: "192.0.2.9" } } },
      );
  }

  it("answers 429 with Retry-After in the door's own words, and lets through who shows nothing", async () => {
    const ask = served(false);
    for (let n = 0; n < 20; n++) expect((await ask("/v2/", `wrong-${n}`, `192.0.2.${n}`)).status).toBe(200);
    const told = [];
    for (const path of ["/v2/fam/x/tags/list", "/api/v1/runs", "/git/greeter.git/info/refs", "/metrics"]) {
      const answer = await ask(path, "right");
      told.push([answer.status, answer.headers.get("retry-after"), await answer.text()]);
    }
    const sentence = "too many wrong tokens came from this address; wait 3 s";
    expect(told).toEqual([
      [429, "3", `{"errors":[{"code":"TOOMANYREQUESTS","message":"${sentence}","detail":{}}]}`],
      [429, "3", `{"error":{"code":"limit","message":"${sentence}"}}`],
      [429, "3", `${sentence}\n`],
      [429, "3", `${sentence}\n`],
    ]);
    expect((await ask("/api/v1/runs", undefined)).status).toBe(200);
    expect((await ask("/v2/fam/x/tags/list", "flr_00")).status).toBe(200);
    expect((await ask("/api/v1/runs", "flr_00")).status).toBe(429);
  });

  it("believes only a proxy of ours about where a request came from, and only what it added itself", async () => {
    const ask = served(true);
    for (let n = 0; n < 20; n++) await ask("/v2/", `wrong-${n}`, `10.0.0.${n}, 198.51.100.7`);
    expect((await ask("/v2/", "right", "10.0.0.1, 198.51.100.7")).status).toBe(429);
    expect((await ask("/v2/", "right", "198.51.100.7, 198.51.100.8")).status).toBe(200);
  });
});
