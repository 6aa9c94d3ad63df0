import { IncomingMessage, ServerResponse } from "node:http";
import type { Clock, Fault, Ids } from "../core/index.ts";
import type { Family, Principal } from "../family/index.ts";
import type { BlobStore, Digest } from "../oci/index.ts";
import type { Store } from "../store/index.ts";
import { type RegistryErrorCode, registryError } from "./errors.ts";
import type { RegistryRequest } from "./policy.ts";
import type { Quotas } from "./quotas.ts";
import type { Connection } from "./send-file.ts";
import type { Staging } from "./staging.ts";
import type { Uploads } from "./uploads.ts";

export interface RegistryDoorOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly uploads: Uploads;
  readonly staging: Staging;
  readonly quotas: Quotas;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly family: () => Family;
  /** Bearer or Basic with a Fairlead token. */
  readonly authenticate: (authorization: string | undefined) => Promise<Principal | undefined>;
  readonly anonymousRead: () => boolean;
  /** For the challenge: where this request reached us, `http://127.0.0.1:7070`. */
  readonly baseUrl: (request: Request) => string;
}

/** One request at the door, after its name was taken apart. */
export interface DoorVisit {
  readonly options: RegistryDoorOptions;
  readonly request: Request;
  readonly connection: Connection | undefined;
  readonly url: URL;
  readonly repository: string;
  /** Whose uploads are whose: a token's id, or the run's. */
  readonly caller: string;
  /** Are version-like tags written once in this repository? */
  lasting(): Promise<boolean>;
  /** `undefined` when allowed, else the answer. */
  refuse(wanted: Omit<RegistryRequest, "repository">): Promise<Response | undefined>;
  /** May this caller read another repository, to mount from it? */
  mayRead(repository: string): boolean;
}

/** The streams that `@hono/node-server` hands on with a request; `undefined` where a request did not come over a network. */
export function connectionIn(env: unknown): Connection | undefined {
  if (typeof env !== "object" || env === null || !("incoming" in env) || !("outgoing" in env)) return undefined;
  const { incoming, outgoing } = env;
  return incoming instanceof IncomingMessage && outgoing instanceof ServerResponse ? { incoming, outgoing } : undefined;
}

export function bodyOf(visit: DoorVisit): AsyncIterable<Uint8Array> {
  return visit.connection?.incoming ?? visit.request.body ?? nothing();
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** How a fault of ours is told to a registry client. */
export function faultResponse(fault: Fault, otherwise: RegistryErrorCode): Response {
  const status = { limit: 413, "disk-full": 507, unavailable: 503, corrupt: 400, conflict: 409, "not-found": 404 };
  const code = fault.code === "corrupt" ? "DIGEST_INVALID" : fault.code === "limit" ? "SIZE_INVALID" : otherwise;
  const known = Object.entries(status).find(([name]) => name === fault.code)?.[1];
  return registryError(known ?? 400, known !== undefined && known >= 500 ? "UNAVAILABLE" : code, fault.message);
}

export function quotaResponse(reason: string): Response {
  return registryError(403, "DENIED", reason);
}

export function createdResponse(repository: string, digest: Digest): Response {
  return new Response(null, {
    status: 201,
    headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest },
  });
}
