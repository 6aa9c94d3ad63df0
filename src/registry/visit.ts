import type { Clock, Fault, Ids } from "../core/index.ts";
import type { Family, Principal } from "../family/index.ts";
import type { BlobStore } from "../oci/index.ts";
import type { Store } from "../store/index.ts";
import { type RegistryErrorCode, registryError } from "./errors.ts";
import type { RegistryRequest } from "./policy.ts";
import type { Uploads } from "./uploads.ts";

export interface RegistryDoorOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly uploads: Uploads;
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
  readonly url: URL;
  readonly repository: string;
  readonly principal: Principal | undefined;
  /** `undefined` when allowed, else the answer. */
  refuse(wanted: Omit<RegistryRequest, "repository">): Promise<Response | undefined>;
}

/** How a fault of ours is told to a registry client. */
export function faultResponse(fault: Fault, otherwise: RegistryErrorCode): Response {
  const status = { limit: 413, "disk-full": 507, unavailable: 503, corrupt: 400, conflict: 409, "not-found": 404 };
  const code = fault.code === "corrupt" ? "DIGEST_INVALID" : fault.code === "limit" ? "SIZE_INVALID" : otherwise;
  const known = Object.entries(status).find(([name]) => name === fault.code)?.[1];
  return registryError(known ?? 400, known !== undefined && known >= 500 ? "UNAVAILABLE" : code, fault.message);
}
