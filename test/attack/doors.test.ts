import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { greeter, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

let family: ServedFamily;
beforeAll(async () => {
  family = await serveFamily([greeter, { name: "other", files: { ".fairlead.yaml": "test: 'true'\n" } }]);
  await family.start();
});
afterAll(() => family.remove());

/** `fetch` sets Host itself; this does not. */
async function ask(path: string, method: string, headers: Readonly<Record<string, string>>): Promise<number> {
  const url = new URL(path, family.url());
  return await new Promise((done, failed) => {
    const asked = request(url, { method, headers }, (response) => {
      response.resume();
      done(response.statusCode ?? 0);
    });
    asked.once("error", failed);
    asked.end();
  });
}

async function tokenFor(role: string, components?: readonly string[]): Promise<string> {
  const body = JSON.stringify({ user: `${role}-user`, role, components });
  return (await family.api<{ token: string }>("/tokens", { method: "POST", body })).token;
}

describe("the doors", () => {
  it("answer under their own names only", async () => {
    expect(await ask("/", "GET", { host: "evil.example" })).toBe(421);
    expect(await ask("/v2/", "GET", { host: "evil.example" })).toBe(421);
    expect(await ask("/", "GET", { host: new URL(family.url()).host })).toBe(200);
  });

  it("refuse writing from pages of other sites", async () => {
    const authorization = `Bearer ${await family.token()}`;
    const cross = { authorization, origin: "https://evil.example" };
    expect(await ask("/api/v1/tokens", "POST", cross)).toBe(403);
    expect(await ask("/api/v1/tokens", "POST", { authorization, "sec-fetch-site": "cross-site" })).toBe(403);
  });

  it("let nobody write without a token, and no role beyond itself", async () => {
    const post = (path: string, token?: string) =>
      fetch(`${family.url()}/api/v1${path}`, {
        method: "POST",
        body: JSON.stringify({
          component: "greeter",
          version: "v1.0.0",
          user: "x",
          role: "administrator",
          reason: "r",
        }),
        headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
      });
    const contributor = await tokenFor("contributor");
    const elsewhere = await tokenFor("maintainer", ["other"]);
    expect((await post("/tokens")).status).toBe(401);
    expect((await post("/tokens", "fl_wrong")).status).toBe(401);
    expect((await post("/tokens", contributor)).status).toBe(403);
    expect((await post("/releases", contributor)).status).toBe(403);
    expect((await post("/releases", elsewhere)).status).toBe(403);
    expect((await post("/backup", elsewhere)).status).toBe(403);
  });

  it("let git move protected branches and tags only for those who may", async () => {
    const contributor = await tokenFor("contributor");
    const reader = await tokenFor("reader");
    const clone = await family.clone("greeter", "contributor", contributor);
    await family.git(clone, "commit", "-q", "--allow-empty", "-m", "direct");
    for (const ref of ["refs/heads/main", "refs/heads/release-1.0", "refs/tags/v1.0.0"]) {
      const pushed = await family.git(clone, "push", "origin", `HEAD:${ref}`);
      expect(`${ref} ${pushed.code}`).toBe(`${ref} 1`);
    }
    const asAdministrator = await family.clone("greeter", "administrator");
    await family.git(asAdministrator, "commit", "-q", "--allow-empty", "-m", "direct");
    const direct = await family.git(asAdministrator, "push", "origin", "HEAD:refs/heads/main");
    expect(direct.stderr).toContain("fairlead merge");
    const readOnly = await family.clone("greeter", "reader", reader);
    expect((await family.git(readOnly, "push", "origin", "HEAD:refs/for/main")).code).not.toBe(0);
  });

  it("end a revoked token at once, at every door", async () => {
    const made = await family.api<{ token: string; id: string }>("/tokens", {
      method: "POST",
      body: JSON.stringify({ user: "leaver", role: "contributor" }),
    });
    const whoami = () => fetch(`${family.url()}/api/v1/whoami`, { headers: { authorization: `Bearer ${made.token}` } });
    expect((await whoami()).status).toBe(200);
    await family.api(`/tokens/${made.id}`, { method: "DELETE" });
    expect((await whoami()).status).toBe(401);
    expect(
      await ask("/git/greeter.git/info/refs?service=git-receive-pack", "GET", {
        authorization: `Bearer ${made.token}`,
      }),
    ).toBe(401);
  });

  it("show foreign text as text, under a policy that runs nothing else", async () => {
    const clone = await family.clone("greeter", "titles");
    await family.git(clone, "commit", "-q", "--allow-empty", "-m", "<script>alert('title')</script>");
    await family.git(clone, "push", "-q", "origin", "HEAD:refs/for/main");
    for (const path of ["/", "/components/greeter", "/changes/greeter/1", "/why?subject=<script>alert(1)</script>"]) {
      const page = await fetch(`${family.url()}${path}`);
      expect(await page.text()).not.toContain("<script>alert");
      const policy = page.headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toContain("unsafe");
    }
  });

  it("do not let one address guess tokens without end, at whatever door, and keep who is signed in", async () => {
    const token = await family.token();
    const show = async (path: string, secret: string) =>
      await fetch(`${family.url()}${path}`, { headers: { authorization: `Bearer ${secret}` } });
    const doors = ["/v2/", "/api/v1/whoami", "/git/greeter.git/info/refs?service=git-receive-pack", "/metrics"];
    expect((await show("/api/v1/whoami", token)).status).toBe(200);
    const met = new Set<number>();
    for (let n = 0; n < 200 && !met.has(429); n++)
      met.add((await show(doors[n % doors.length] ?? "", `fl_guess${n}`)).status);
    expect(met).toContain(429);
    for (const [n, door] of doors.entries()) {
      const answer = await show(door, `fl_more${n}`);
      expect([answer.status, Number(answer.headers.get("retry-after")) > 0]).toEqual([429, true]);
    }
    const form = new URLSearchParams({ token: "fl_form" });
    expect((await fetch(`${family.url()}/login`, { method: "POST", body: form })).status).toBe(429);
    expect((await show("/api/v1/whoami", token)).status).toBe(200);
    expect((await fetch(`${family.url()}/api/v1/runs`)).status).toBe(200);
  });

  it("refuse to listen beyond loopback in the clear", async () => {
    const refused = await family.fairlead(
      "serve",
      "--host",
      "0.0.0.0",
      "--port",
      "0",
      "--home",
      `${family.root}/other-home`,
    );
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("--behind-proxy")]);
  });
});
