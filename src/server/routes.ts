import { z } from "zod";
import { err, type Fault, fault, httpStatusOf, type Result } from "../core/index.ts";
import type { Principal } from "../family/index.ts";
import { roleAtLeast } from "../family/index.ts";

/** What a route of the API gets: parameters of its path, its query, its checked body, and who asks. */
export interface RouteInput<Body> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Body;
  readonly principal: Principal;
}

/** One route: everything its OpenAPI entry and its door need. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** `/runs/:id`, below `/api/v1`. */
  readonly path: string;
  readonly summary: string;
  readonly role: Principal["role"];
  readonly body: z.ZodType | undefined;
  readonly handle: (input: {
    readonly params: Readonly<Record<string, string>>;
    readonly query: URLSearchParams;
    readonly body: unknown;
    readonly principal: Principal;
  }) => Promise<Result<unknown> | Response>;
}

/** A route that reads; a `reader` is enough. */
export function reading(
  path: string,
  summary: string,
  handle: (input: RouteInput<undefined>) => Promise<Result<unknown> | Response>,
): Route {
  return {
    method: "GET",
    path,
    summary,
    role: "reader",
    body: undefined,
    handle: (input) => handle({ ...input, body: undefined }),
  };
}

/** A route that acts, with a body that fits its schema. */
export function acting<Schema extends z.ZodType>(
  method: "POST" | "DELETE",
  path: string,
  summary: string,
  role: Principal["role"],
  body: Schema,
  handle: (input: RouteInput<z.infer<Schema>>) => Promise<Result<unknown> | Response>,
): Route {
  return {
    method,
    path,
    summary,
    role,
    body,
    handle: async (input) => {
      if (!roleAtLeast(input.principal.role, role)) return err(notAllowed(input.principal, role));
      const parsed = body.safeParse(input.body ?? {});
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        const where = issue?.path.map(String).join(".") ?? "";
        return err(fault("bad-input", `${where === "" ? "the request" : where}: ${issue?.message ?? "is not valid"}`));
      }
      return await handle({ ...input, body: parsed.data });
    },
  };
}

function notAllowed(principal: Principal, role: Principal["role"]): Fault {
  return principal.tokenId === "anonymous"
    ? fault("unauthorized", "this needs a token", { hint: "fairlead login URL, or set FAIRLEAD_TOKEN" })
    : fault("forbidden", `${principal.user} is ${principal.role} here; this needs the role ${role}`);
}

/** `{error: Fault}` without causes, which may name files of the server. */
export function faultAnswer(error: Fault): Response {
  const { code, message, hint, place, facts } = error;
  return Response.json({ error: { code, message, hint, place, facts } }, { status: httpStatusOf(code) });
}

/** The OpenAPI document, made from the routes themselves. */
export function openApiDocument(routes: readonly Route[], version: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = `/api/v1${route.path.replace(/:([a-z]+)/g, "{$1}")}`;
    const parameters = [...route.path.matchAll(/:([a-z]+)/g)].map((match) => ({
      name: match[1],
      in: "path",
      required: true,
      schema: { type: "string" },
    }));
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: {
        summary: route.summary,
        description: `Needs the role ${route.role}.`,
        parameters,
        ...(route.body && route.method === "POST"
          ? { requestBody: { content: { "application/json": { schema: z.toJSONSchema(route.body) } } } }
          : {}),
        responses: {
          200: { description: "The answer.", content: { "application/json": {} } },
          default: {
            description: "`{error: {code, message, hint, place, facts}}`",
            content: { "application/json": {} },
          },
        },
      },
    };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Fairlead", version },
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    security: [{ token: [] }, {}],
    paths,
  };
}
