import { createHash, timingSafeEqual } from "node:crypto";
import { type Clock, err, fault, type Ids, ok, type Result } from "../core/index.ts";
import type { Principal, Role } from "../family/index.ts";
import type { Store } from "../store/index.ts";

/** A token as it is listed: never its secret. */
export interface TokenView {
  readonly id: string;
  readonly user: string;
  readonly role: Role;
  readonly components: readonly string[] | undefined;
  readonly created: string;
  readonly createdBy: string;
  readonly expires: string | undefined;
  readonly revoked: string | undefined;
  readonly lastUsed: string | undefined;
}

export interface NewToken {
  readonly user: string;
  readonly role: Role;
  readonly components: readonly string[] | undefined;
  /** Milliseconds from now; `undefined`: never. */
  readonly lifetimeMs: number | undefined;
  readonly by: string;
}

export interface Access {
  create(token: NewToken): Promise<{ readonly id: string; readonly token: string }>;
  list(): Promise<readonly TokenView[]>;
  /** Fault `not-found`. */
  revoke(id: string): Promise<Result<void>>;
  /** Who a token belongs to; `undefined` when it is unknown, expired or revoked. */
  principalOf(token: string): Promise<Principal | undefined>;
  /** `Bearer TOKEN`, or Basic with the token as password. An empty Basic is nobody, not somebody wrong. */
  authenticate(authorization: string | undefined): Promise<Principal | undefined>;
}

/** Secrets begin with this, so that scanners of leaked secrets can find them. */
const prefix = "fl_";
const usedEvery = 60_000;

export function createAccess(options: { readonly store: Store; readonly clock: Clock; readonly ids: Ids }): Access {
  const { store, clock, ids } = options;

  async function principalOf(token: string): Promise<Principal | undefined> {
    if (!token.startsWith(prefix) || token.length > 200) return undefined;
    const hash = hashOfToken(token);
    const row = await store.db.selectFrom("tokens").selectAll().where("hash", "=", hash).executeTakeFirst();
    if (!row || !sameText(row.hash, hash)) return undefined;
    const now = clock.now();
    if (row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now)) return undefined;
    if (row.last_used_at === null || now - row.last_used_at > usedEvery) {
      await store.db.updateTable("tokens").set({ last_used_at: now }).where("id", "=", row.id).execute();
    }
    const components: string[] | undefined = row.components === null ? undefined : JSON.parse(row.components);
    return { user: row.user_name, role: row.role, components, tokenId: row.id };
  }

  return {
    create: async (token) => {
      const id = ids.hex(6);
      const secret = `${prefix}${ids.hex(24)}`;
      const now = clock.now();
      await store.db
        .insertInto("tokens")
        .values({
          id,
          hash: hashOfToken(secret),
          user_name: token.user,
          role: token.role,
          components: token.components === undefined ? null : JSON.stringify(token.components),
          created_at: now,
          created_by: token.by,
          expires_at: token.lifetimeMs === undefined ? null : now + token.lifetimeMs,
          revoked_at: null,
          last_used_at: null,
        })
        .execute();
      return { id, token: secret };
    },
    list: async () => {
      const rows = await store.db.selectFrom("tokens").selectAll().orderBy("created_at").limit(1000).execute();
      return rows.map((row) => ({
        id: row.id,
        user: row.user_name,
        role: row.role,
        components: row.components === null ? undefined : JSON.parse(row.components),
        created: iso(row.created_at) ?? "",
        createdBy: row.created_by,
        expires: iso(row.expires_at),
        revoked: iso(row.revoked_at),
        lastUsed: iso(row.last_used_at),
      }));
    },
    revoke: async (id) => {
      const done = await store.db
        .updateTable("tokens")
        .set({ revoked_at: clock.now() })
        .where("id", "=", id)
        .where("revoked_at", "is", null)
        .executeTakeFirst();
      return done.numUpdatedRows === 1n
        ? ok(undefined)
        : err(fault("not-found", `there is no valid token ${id}`, { hint: "fairlead token list" }));
    },
    principalOf,
    authenticate: async (authorization) => {
      const token = tokenIn(authorization);
      return token === undefined ? undefined : await principalOf(token);
    },
  };
}

/** The token inside an Authorization header; `undefined` for none or an empty one. */
export function tokenIn(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length > 4096) return undefined;
  const [scheme, value] = authorization.trim().split(/\s+/, 2);
  if (value === undefined) return undefined;
  if (scheme?.toLowerCase() === "bearer") return value;
  if (scheme?.toLowerCase() !== "basic") return undefined;
  const decoded = Buffer.from(value, "base64").toString("utf8");
  const password = decoded.slice(decoded.indexOf(":") + 1);
  return password === "" ? undefined : password;
}

function hashOfToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function iso(at: number | null): string | undefined {
  return at === null ? undefined : new Date(at).toISOString();
}
