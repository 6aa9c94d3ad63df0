import { mayMaintain, type Principal } from "../family/index.ts";
import { isDigest, isRepositoryName, isTagName } from "../oci/index.ts";
import { serveBlob, uploadRoute } from "./blob-routes.ts";
import { registryError } from "./errors.ts";
import { listTags, manifestRoute, referrers } from "./manifest-routes.ts";
import { judgeRegistryRequest, type RegistryRequest } from "./policy.ts";
import { digestOfTag, publisherOf } from "./records.ts";
import type { DoorVisit, RegistryDoorOptions } from "./visit.ts";

const tokenLifetimeMs = 5 * 60_000;
const routes = /^\/v2\/(.{1,300})\/(blobs|manifests|tags|referrers)\/(.{1,300})$/;

/**
 * The built-in OCI registry (OCI distribution 1.1). Without credentials `GET /v2/` answers 401 with a Bearer challenge:
 * with 200 skopeo and buildah would never send any.
 */
export function createRegistryDoor(options: RegistryDoorOptions): (request: Request) => Promise<Response> {
  const issued = new Map<string, { readonly principal: Principal | undefined; readonly until: number }>();

  async function whoIs(authorization: string | null): Promise<Principal | "anonymous" | "nobody"> {
    const bearer = authorization?.match(/^bearer\s+(flr_[0-9a-f]+)$/i)?.[1];
    if (bearer === undefined) return (await options.authenticate(authorization ?? undefined)) ?? "nobody";
    const known = issued.get(bearer);
    if (!known || known.until <= options.clock.now()) return "nobody";
    return known.principal ?? "anonymous";
  }

  async function issueToken(request: Request): Promise<Response> {
    const authorization = request.headers.get("authorization");
    const principal = await options.authenticate(authorization ?? undefined);
    // An anonymous skopeo sends `Basic Og==`, which is no wrong password.
    const empty = authorization === null || /^basic\s+og==$/i.test(authorization);
    if (!principal && !empty) return registryError(401, "UNAUTHORIZED", "the token is unknown, expired or revoked");
    if (!principal && !options.anonymousRead()) return registryError(401, "UNAUTHORIZED", "reading needs a token here");
    const now = options.clock.now();
    for (const [token, { until }] of issued) if (until <= now) issued.delete(token);
    if (issued.size > 50_000) issued.clear();
    const token = `flr_${options.ids.hex(24)}`;
    issued.set(token, { principal, until: now + tokenLifetimeMs });
    return Response.json({ token, access_token: token, expires_in: 300, issued_at: new Date(now).toISOString() });
  }

  function challenge(request: Request, scope: string | undefined, message: string): Response {
    const realm = `${options.baseUrl(request)}/v2/token`;
    const wanted = scope === undefined ? "" : `,scope="${scope}"`;
    return registryError(401, "UNAUTHORIZED", message, {
      "www-authenticate": `Bearer realm="${realm}",service="fairlead"${wanted}`,
    });
  }

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

  async function judge(
    request: Request,
    repository: string,
    principal: Principal | undefined,
    wanted: Omit<RegistryRequest, "repository">,
  ): Promise<Response | undefined> {
    const owner = wanted.action === "pull" ? undefined : await ownerOf(repository);
    const component = options.family().components.find((each) => each.name === owner);
    const current = wanted.tag === undefined ? undefined : await digestOfTag(options.store.db, repository, wanted.tag);
    const verdict = judgeRegistryRequest(
      { ...wanted, repository },
      {
        principal,
        anonymousRead: options.anonymousRead(),
        owner,
        maintains: principal !== undefined && component !== undefined && mayMaintain(principal, component),
        current,
      },
    );
    if (verdict.kind === "allowed") return undefined;
    if (verdict.kind === "denied") return registryError(403, "DENIED", verdict.reason);
    const actions = wanted.action === "pull" ? "pull" : "pull,push";
    return challenge(request, `repository:${repository}:${actions}`, verdict.reason);
  }

  return async (request) => {
    const url = new URL(request.url);
    if (url.pathname === "/v2/token") return await issueToken(request);
    const who = await whoIs(request.headers.get("authorization"));
    if (url.pathname === "/v2/" || url.pathname === "/v2") {
      if (who === "nobody") return challenge(request, undefined, "authentication is needed");
      return Response.json({}, { headers: { "docker-distribution-api-version": "registry/2.0" } });
    }
    const principal = who === "anonymous" || who === "nobody" ? undefined : who;
    const match = routes.exec(decodedPath(url.pathname) ?? "");
    const [, repository = "", kind = "", rest = ""] = match ?? [];
    if (!match) return registryError(404, "UNSUPPORTED", "there is nothing here");
    if (!isRepositoryName(repository)) return registryError(400, "NAME_INVALID", "the repository name is not valid");
    const visit: DoorVisit = {
      options,
      request,
      url,
      repository,
      principal,
      refuse: (wanted) => judge(request, repository, principal, wanted),
    };
    if (kind === "tags")
      return rest === "list" ? await listTags(visit) : registryError(404, "UNSUPPORTED", "no such list");
    if (kind === "referrers") return await referrers(visit, rest);
    if (kind === "manifests") {
      if (!isDigest(rest) && !isTagName(rest)) return registryError(400, "MANIFEST_INVALID", "neither tag nor digest");
      return await manifestRoute(visit, rest);
    }
    if (rest === "uploads/" || rest === "uploads") return await uploadRoute(visit, undefined);
    const upload = /^uploads\/([0-9a-f]{32})$/.exec(rest)?.[1];
    if (upload !== undefined) return await uploadRoute(visit, upload);
    return isDigest(rest) ? await serveBlob(visit, rest) : registryError(400, "DIGEST_INVALID", "not a digest");
  };
}

function decodedPath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
