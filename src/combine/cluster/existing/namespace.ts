import { z } from "zod";
import { err, fault, ok, type Result } from "../../../core/index.ts";
import { type Kubectl, parsed } from "../kubectl.ts";

/** The label, and the name of the config map, by which a namespace says whose it is. */
export const ownerLabel = "fairlead.dev/cluster";
const claimName = "fairlead-cluster";

type Call = { readonly signal: AbortSignal; readonly log: (line: string) => void };

const namespaceShape = z.object({ metadata: z.object({ labels: z.record(z.string(), z.string()).default({}) }) });
const claimShape = z.object({ data: z.record(z.string(), z.string()).default({}) });
const objectsShape = z.object({
  items: z.array(
    z.looseObject({
      apiVersion: z.string(),
      kind: z.string(),
      metadata: z.looseObject({ name: z.string(), uid: z.string(), ownerReferences: z.array(z.unknown()).optional() }),
    }),
  ),
});

/** Makes a namespace that is this cluster's alone. Fault `refused`: one of that name is there and another's. */
export async function createNamespace(kubectl: Kubectl, name: string, call: Call): Promise<Result<void>> {
  const manifest = { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { [ownerLabel]: name } } };
  const made = await kubectl(["create", "-f", "-"], { ...call, stdin: JSON.stringify(manifest) });
  return made.ok ? ok(undefined) : made;
}

/** Deletes a namespace that `createNamespace` made; one that is not there, or not marked as ours, is left alone. */
export async function deleteNamespace(kubectl: Kubectl, name: string, call: Call): Promise<Result<void>> {
  const found = await kubectl(["get", "namespace", name, "--ignore-not-found", "-o", "json"], call);
  if (!found.ok) return found;
  if (found.value.trim() === "") return ok(undefined);
  const read = parsed(found.value, namespaceShape);
  if (!read.ok) return read;
  if (read.value.metadata.labels[ownerLabel] !== name) {
    call.log(`the namespace ${name} is not marked ${ownerLabel}=${name}: it is left alone`);
    return ok(undefined);
  }
  const deleted = await kubectl(["delete", "namespace", name, "--ignore-not-found", "--wait", "--timeout=300s"], call);
  return deleted.ok ? ok(undefined) : deleted;
}

/** Ids of what stands in a namespace: `emptyNamespace` leaves it alone. */
export async function idsIn(kubectl: Kubectl, namespace: string, call: Call): Promise<Result<readonly string[]>> {
  const found = await objectsIn(kubectl, namespace, call);
  return found.ok ? ok(found.value.map((each) => each.uid)) : found;
}

/**
 * Takes a namespace of the user's for one cluster: a config map, as making one is atomic. Faults: `failed` where there is
 * no such namespace; `refused` where another run has it.
 */
export async function claimNamespace(
  kubectl: Kubectl,
  namespace: string,
  owner: string,
  call: Call,
): Promise<Result<void>> {
  const manifest = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: claimName, namespace }, data: { owner } };
  const made = await kubectl(["create", "-f", "-"], { ...call, stdin: JSON.stringify(manifest) });
  if (made.ok) return ok(undefined);
  const holder = await claimant(kubectl, namespace, call);
  if (!holder.ok || holder.value === undefined) return made;
  return err(
    fault("refused", `the namespace ${namespace} is in use by ${holder.value}`, {
      hint: `wait for its end; if that run is dead: kubectl --namespace ${namespace} delete configmap ${claimName}`,
    }),
  );
}

/** Deletes everything that was not there before, and then the claim. A claim of another is left alone, with all of it. */
export async function emptyNamespace(
  kubectl: Kubectl,
  namespace: string,
  owner: string,
  before: ReadonlySet<string>,
  call: Call,
): Promise<Result<void>> {
  const holder = await claimant(kubectl, namespace, call);
  if (!holder.ok) return holder;
  if (holder.value !== owner) return ok(undefined);
  const now = await objectsIn(kubectl, namespace, call);
  if (!now.ok) return now;
  const isClaim = (each: FoundObject) => each.kind === "ConfigMap" && each.name === claimName;
  // What has an owner goes with it.
  const fresh = now.value.filter((each) => !before.has(each.uid) && !each.owned && !isClaim(each));
  if (fresh.length > 0) {
    const items = fresh.map(({ apiVersion, kind, name }) => ({ apiVersion, kind, metadata: { name, namespace } }));
    const stdin = JSON.stringify({ apiVersion: "v1", kind: "List", items });
    const deleted = await kubectl(["delete", "-f", "-", "--ignore-not-found", "--wait", "--timeout=300s"], {
      ...call,
      stdin,
    });
    if (!deleted.ok) return deleted;
  }
  const freed = await kubectl(["delete", "configmap", claimName, "--namespace", namespace, "--ignore-not-found"], call);
  return freed.ok ? ok(undefined) : freed;
}

async function claimant(kubectl: Kubectl, namespace: string, call: Call): Promise<Result<string | undefined>> {
  const args = ["get", "configmap", claimName, "--namespace", namespace, "--ignore-not-found", "-o", "json"];
  const found = await kubectl(args, call);
  if (!found.ok) return found;
  if (found.value.trim() === "") return ok(undefined);
  const read = parsed(found.value, claimShape);
  return read.ok ? ok(read.value.data["owner"]) : read;
}

interface FoundObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly owned: boolean;
}

/** Every object of a namespace that can be listed and deleted, but events. */
async function objectsIn(kubectl: Kubectl, namespace: string, call: Call): Promise<Result<readonly FoundObject[]>> {
  const kinds = await kubectl(["api-resources", "--namespaced", "--verbs=list,delete", "-o", "name"], call);
  if (!kinds.ok) return kinds;
  const wanted = kinds.value
    .split("\n")
    .filter((name) => name !== "" && name !== "events" && name !== "events.events.k8s.io" && name !== "endpoints");
  const found = await kubectl(
    ["get", wanted.join(","), "--namespace", namespace, "--ignore-not-found", "-o", "json"],
    call,
  );
  if (!found.ok) return found;
  if (found.value.trim() === "") return ok([]);
  const read = parsed(found.value, objectsShape);
  if (!read.ok) return read;
  return ok(
    read.value.items.map(({ apiVersion, kind, metadata }) => ({
      apiVersion,
      kind,
      name: metadata.name,
      uid: metadata.uid,
      owned: (metadata.ownerReferences ?? []).length > 0,
    })),
  );
}
