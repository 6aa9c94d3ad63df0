import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { Principal } from "../family/index.ts";
import type { Access } from "./access.ts";
import type { SignIns } from "./sign-in-limit.ts";

/** Who looks at a page, and the token its forms must carry. */
export interface Viewer {
  readonly principal: Principal | undefined;
  readonly csrf: string | undefined;
}

const cookie = "fairlead_session";

/**
 * Sessions of browsers: the cookie holds a Fairlead token, is HttpOnly and SameSite=Strict; forms carry a CSRF token
 * derived from it with a key of this boot.
 */
export function createSessions(access: Access, signIns: SignIns) {
  const key = randomBytes(32);
  const csrfOf = (token: string) => createHmac("sha256", key).update(token).digest("hex");

  async function principalOf(context: Context, token: string): Promise<Principal | undefined> {
    return (await signIns.pauseBefore(context, token)) === undefined ? await access.principalOf(token) : undefined;
  }

  return {
    viewerOf: async (context: Context): Promise<Viewer> => {
      const token = getCookie(context, cookie);
      const principal = token === undefined ? undefined : await principalOf(context, token);
      return principal === undefined || token === undefined
        ? { principal: undefined, csrf: undefined }
        : { principal, csrf: csrfOf(token) };
    },
    /** True when the form was rendered for this session. */
    formIsOurs: (context: Context, given: string | undefined): boolean => {
      const token = getCookie(context, cookie);
      if (token === undefined || given === undefined) return false;
      const wanted = Buffer.from(csrfOf(token));
      const got = Buffer.from(given);
      return wanted.length === got.length && timingSafeEqual(wanted, got);
    },
    signIn: (context: Context, token: string, secure: boolean): void => {
      setCookie(context, cookie, token, { httpOnly: true, sameSite: "Strict", path: "/", secure, maxAge: 7 * 86_400 });
    },
    signOut: (context: Context): void => {
      setCookie(context, cookie, "", { httpOnly: true, sameSite: "Strict", path: "/", maxAge: 0 });
    },
  };
}

export type Sessions = ReturnType<typeof createSessions>;
