import { mayMaintain } from "../family/index.ts";
import { isDigest, isRepositoryName } from "../oci/index.ts";
import { createBearerTokens, type Visitor } from "./bearer-tokens.ts";
import { blobRoute } from "./blob-routes.ts";
import { listReferrers, listTags } from "./discovery-routes.ts";
import { registryError } from "./errors.ts";
import { manifestRoute } from "./manifest-routes.ts";
import { judgeRegistryRequest, judgeRunRequest, type RegistryRequest, type RegistryVerdict } from "./policy.ts";
import { digestOfTag, publisherOf } from "./records.ts";
import { createReleasedSubjects } from "./released-subjects.ts";
import { stagingRunOf } from "./staging-names.ts";
import { uploadRoute } from "./upload-routes.ts";
import { connectionIn, type DoorVisit, type RegistryDoorOptions } from "./visit.ts";

const routes = /^\/v2\/(.{1,300})\/(blobs|manifests|tags|referrers)\/(.{1,300})$/;

/** `env`: what the HTTP server hands on beside the request, so that large bodies pass directly. */
export type RegistryHandler = (request: Request, env?: unknown) => Promise<Response>;

export interface RegistryDoor {
  /** For people and their tools: Fairlead tokens, anonymous reading where it is on. */
  readonly handle: RegistryHandler;
  /** For code inside a cage: a run's own token alone. */
  readonly handleRun: RegistryHandler;
}

/**
 * The built-in OCI registry (OCI distribution 1.1). Without credentials `GET /v2/` answers 401 with a Bearer challenge:
 * with 200 skopeo and buildah would never send any.
 */
export function createRegistryDoor(options: RegistryDoorOptions): RegistryDoor {
  const releasedSubject = createReleasedSubjects(options);

  async function ownerOf(repository: string): Promise<string | undefined> {
    const family = options.family();
    const [first = "", ...rest] = repository.split("/");
    if (first !== family.name || rest.length === 0) return undefined;
    const image = rest.join("/");
    return (
      family.components.find((component) => component.images?.includes(image))?.name ??
      (await publisherOf(options.store, image))
    );
  }

  async function judge(visitor: Visitor, wanted: RegistryRequest): Promise<RegistryVerdict> {
    const { components } = options.family();
    if (visitor.kind === "run") return judgeRunRequest(wanted, visitor.grant, components);
    const { repository } = wanted;
    const principal = visitor.kind === "person" ? visitor.principal : undefined;
    const owner = wanted.action === "pull" ? undefined : await ownerOf(repository);
    const component = components.find((each) => each.name === owner);
    return judgeRegistryRequest(wanted, {
      principal,
      anonymousRead: visitor.mayReadAnonymously,
      owner,
      maintains: principal !== undefined && component !== undefined && mayMaintain(principal, component),
      current: wanted.tag === undefined ? undefined : await digestOfTag(options.store.db, repository, wanted.tag),
      released: wanted.action === "refer" ? await releasedSubject(repository, wanted.digest ?? "") : undefined,
    });
  }

  function mayRead(visitor: Visitor, repository: string): boolean {
    if (visitor.kind === "run") return repository.startsWith(visitor.grant.prefix);
    return stagingRunOf(repository) === undefined && (visitor.kind === "person" || visitor.mayReadAnonymously);
  }

  async function route(visit: DoorVisit, kind: string, rest: string): Promise<Response> {
    switch (kind) {
      case "tags":
        return rest === "list" ? await listTags(visit) : registryError(404, "UNSUPPORTED", "no such list");
      case "referrers":
        return await listReferrers(visit, rest);
      case "manifests":
        return await manifestRoute(visit, rest);
      default: {
        if (rest === "uploads/" || rest === "uploads") return await uploadRoute(visit, undefined);
        const upload = /^uploads\/([0-9a-f]{32})$/.exec(rest)?.[1];
        if (upload !== undefined) return await uploadRoute(visit, upload);
        return isDigest(rest) ? await blobRoute(visit, rest) : registryError(400, "DIGEST_INVALID", "not a digest");
      }
    }
  }

  function handlerFor(forRuns: boolean): RegistryHandler {
    const baseUrl = forRuns ? (request: Request) => new URL(request.url).origin : options.baseUrl;
    const tokens = createBearerTokens(options, forRuns);

    function challenge(request: Request, scope: string | undefined, message: string): Response {
      const wanted = scope === undefined ? "" : `,scope="${scope}"`;
      return registryError(401, "UNAUTHORIZED", message, {
        "www-authenticate": `Bearer realm="${baseUrl(request)}/v2/token",service="fairlead"${wanted}`,
      });
    }

    return async (request, env) => {
      const url = new URL(request.url);
      if (url.pathname === "/v2/token") return await tokens.issue(request);
      const visitor = await tokens.whoIs(request.headers.get("authorization"));
      if (url.pathname === "/v2/" || url.pathname === "/v2") {
        if (visitor.kind === "nobody") return challenge(request, undefined, "authentication is needed");
        return Response.json({}, { headers: { "docker-distribution-api-version": "registry/2.0" } });
      }
      const match = routes.exec(decodedPath(url.pathname) ?? "");
      const [, repository = "", kind = "", rest = ""] = match ?? [];
      if (!match) return registryError(404, "UNSUPPORTED", "there is nothing here");
      if (!isRepositoryName(repository)) return registryError(400, "NAME_INVALID", "the repository name is not valid");
      if (forRuns && visitor.kind !== "run") return challenge(request, undefined, "this door is for a run's own token");
      return await route(
        {
          options,
          request,
          connection: connectionIn(env),
          url,
          repository,
          caller: callerOf(visitor),
          lasting: async () => visitor.kind !== "run" && (await ownerOf(repository)) !== undefined,
          refuse: async (wanted) => {
            const verdict = await judge(visitor, { ...wanted, repository });
            if (verdict.kind === "allowed") return undefined;
            if (verdict.kind === "denied") return registryError(403, "DENIED", verdict.reason);
            const actions = wanted.action === "pull" ? "pull" : "pull,push";
            return challenge(request, `repository:${repository}:${actions}`, verdict.reason);
          },
          mayRead: (other) => mayRead(visitor, other),
        },
        kind,
        rest,
      );
    };
  }

  return { handle: handlerFor(false), handleRun: handlerFor(true) };
}

function callerOf(visitor: Visitor): string {
  if (visitor.kind === "run") return `run ${visitor.grant.runId}`;
  return visitor.kind === "person" ? visitor.principal.tokenId : "";
}

function decodedPath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
