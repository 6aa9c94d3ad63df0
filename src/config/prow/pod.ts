import type { Json, JsonObject } from "../../jobs/index.ts";
import { type Complaints, isMap, kindOf, type Path } from "./struct.ts";
import { scalarText, type Yaml, type YamlMap } from "./yaml-scalars.ts";

/** Members of a pod that are true or false, and those that are whole numbers; every other scalar is text. */
const booleans = new Set(
  "privileged readOnly hostNetwork hostPID hostIPC automountServiceAccountToken allowPrivilegeEscalation runAsNonRoot readOnlyRootFilesystem stdin stdinOnce tty optional shareProcessNamespace enableServiceLinks hostUsers setHostnameAsFQDN".split(
    " ",
  ),
);
const numbers = new Set(
  "runAsUser runAsGroup fsGroup defaultMode mode activeDeadlineSeconds terminationGracePeriodSeconds priority tolerationSeconds periodSeconds initialDelaySeconds timeoutSeconds failureThreshold successThreshold containerPort hostPort weight expirationSeconds supplementalGroups port".split(
    " ",
  ),
);
/** Maps whose keys are the user's own. */
const free = new Set([
  "nodeSelector",
  "matchLabels",
  "labels",
  "annotations",
  "limits",
  "requests",
  "overhead",
  "driver",
]);
const names = new Map(
  (
    "volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector serviceAccountName serviceAccount automountServiceAccountToken nodeName hostNetwork hostPID hostIPC shareProcessNamespace securityContext imagePullSecrets hostname subdomain affinity schedulerName tolerations hostAliases priorityClassName priority dnsConfig readinessGates runtimeClassName enableServiceLinks preemptionPolicy overhead topologySpreadConstraints setHostnameAsFQDN os hostUsers schedulingGates resourceClaims " +
    "name image command args workingDir ports envFrom env resources resizePolicy volumeMounts volumeDevices livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy stdin stdinOnce tty " +
    "value valueFrom fieldRef resourceFieldRef configMapKeyRef secretKeyRef fieldPath apiVersion key optional containerName resource divisor prefix configMapRef secretRef " +
    "mountPath readOnly subPath mountPropagation subPathExpr hostPath emptyDir secret configMap projected downwardAPI persistentVolumeClaim nfs csi ephemeral iscsi secretName items defaultMode mode path type medium sizeLimit sources serviceAccountToken audience expirationSeconds claimName " +
    "limits requests claims capabilities add drop privileged seLinuxOptions runAsUser runAsGroup runAsNonRoot fsGroup supplementalGroups fsGroupChangePolicy seccompProfile appArmorProfile allowPrivilegeEscalation readOnlyRootFilesystem procMount localhostProfile sysctls windowsOptions level user role " +
    "operator effect tolerationSeconds nodeAffinity podAffinity podAntiAffinity requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution nodeSelectorTerms matchExpressions matchFields values weight preference podAffinityTerm labelSelector matchLabels topologyKey namespaces maxSkew whenUnsatisfiable " +
    "preStop postStart exec httpGet tcpSocket port host scheme initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold containerPort hostPort protocol"
  )
    .split(" ")
    .map((name) => [name.toLowerCase(), name]),
);

/**
 * A pod as Kubernetes would decode it (Prow 0): names in any case become the real ones, scalars become what the member
 * wants. Each container has `name` and `resources`, as Prow writes them out.
 */
export function podOf(value: Yaml, path: Path, complaints: Complaints): JsonObject {
  if (!isMap(value)) {
    complaints.error(path, "wrong-type", `spec wants a mapping, not ${kindOf(value)}`);
    return {};
  }
  const pod = memberMap(value, path, complaints);
  const containers = pod.containers;
  if (!Array.isArray(containers)) return pod;
  return {
    ...pod,
    containers: containers.map((container: Json) =>
      typeof container === "object" && container !== null && !Array.isArray(container)
        ? { name: "", resources: {}, ...container }
        : {},
    ),
  };
}

/** Names as they are written, so that each is folded to lower case once. */
const written = new Map<string, string | undefined>();
const mostWritten = 2000;

function nameFor(key: string): string | undefined {
  const known = written.get(key);
  if (known !== undefined) return known;
  const name = names.get(key.toLowerCase());
  if (name !== undefined && written.size < mostWritten) written.set(key, name);
  return name;
}

function memberMap(value: YamlMap, path: Path, complaints: Complaints): JsonObject {
  const made: Record<string, Json> = {};
  for (const key of Object.keys(value)) {
    const inner = value[key] ?? null;
    const known = nameFor(key);
    const name = known ?? key;
    if (known === undefined)
      complaints.ignored([...path, key], `unknown-key:${key}`, "not a member of a pod that is known here");
    // Kubernetes writes no empty value of a variable.
    if (inner !== null && !(name === "value" && inner === "")) made[name] = member(name, inner, path, key, complaints);
  }
  return made;
}

/** `at`: where the value stands below `path`; joined only for what lies deeper or is wrong. */
function member(name: string, value: Yaml, path: Path, at: string | number, complaints: Complaints): Json {
  if (typeof value === "string") return booleans.has(name) ? flag(name, value, [...path, at], complaints) : value;
  if (Array.isArray(value)) {
    const below = [...path, at];
    return value.map((item, index) => member(name, item, below, index, complaints));
  }
  if (isMap(value)) {
    if (!free.has(name)) return memberMap(value, [...path, at], complaints);
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        inner === null || typeof inner === "object" ? "" : scalarText(inner),
      ]),
    );
  }
  if (value === null) return "";
  if (booleans.has(name)) return flag(name, value, [...path, at], complaints);
  if (numbers.has(name) && typeof value === "number") return value;
  return scalarText(value);
}

function flag(name: string, value: Yaml, path: Path, complaints: Complaints): boolean {
  if (typeof value !== "boolean")
    complaints.error(path, "wrong-type", `${name} wants true or false, not ${kindOf(value)}`);
  return value === true;
}

const reservedNames = new Set(["clonerefs", "initupload", "place-entrypoint", "sidecar"]);
const reservedVolumes = new Set(["logs", "code", "tools", "gcs-credentials", "s3-credentials"]);
const reservedMounts = new Set(["logs", "code", "tools"]);
const reservedPaths = ["/logs", "/home/prow/go", "/tools"];

/** Prow 1.12: what a pod must and must not say. `injected` are the variables that the type of the job is given. */
export function checkPod(
  pod: JsonObject,
  path: Path,
  facts: {
    readonly decorated: boolean;
    readonly injected: ReadonlySet<string>;
    readonly secretNames: readonly string[];
  },
  complaints: Complaints,
): void {
  const say = (at: Path, message: string, hint?: string) => complaints.error(at, "bad-pod", message, hint);
  for (const [index, container] of objects(pod.initContainers).entries()) {
    if (container.restartPolicy !== "Always")
      say(
        [...path, "initContainers", index],
        "init containers are not allowed, except native sidecars (restartPolicy: Always)",
      );
  }
  const containers = objects(pod.containers);
  if (containers.length === 0) say([...path, "containers"], "a pod needs at least one container");
  if (containers.length > 1) checkNames(containers, path, facts.decorated, say);
  const volumes = new Set<string>();
  const reserved = new Set([...reservedVolumes, ...facts.secretNames]);
  for (const [index, volume] of objects(pod.volumes).entries()) {
    const name = textOf(volume.name);
    const at = [...path, "volumes", index];
    if (volumes.has(name)) say(at, `the volume ${name} is declared twice`);
    if (facts.decorated && reserved.has(name)) say(at, `the volume name ${name} is reserved`);
    volumes.add(name);
  }
  for (const [index, container] of containers.entries()) {
    const at = [...path, "containers", index];
    checkEnvironment(container, at, facts.injected, say);
    checkMounts(container, at, volumes, facts.decorated, say);
    const first = [...texts(container.command), ...texts(container.args)][0];
    if (facts.decorated && (first === undefined || first === ""))
      say(
        at,
        "a decorated container needs a command or args with a first element",
        "the image's ENTRYPOINT is not consulted",
      );
  }
}

type Say = (at: Path, message: string, hint?: string) => void;

function checkNames(containers: readonly JsonObject[], path: Path, decorated: boolean, say: Say): void {
  if (!decorated) say([...path, "containers"], "more than one container needs decoration (decorate: true)");
  const seen = new Set<string>();
  for (const [index, container] of containers.entries()) {
    const name = textOf(container.name);
    const at = [...path, "containers", index];
    if (name === "") say(at, "with more than one container each needs a name");
    else if (seen.has(name)) say(at, `two containers are named ${name}`);
    if (reservedNames.has(name)) say(at, `the container name ${name} is reserved`);
    seen.add(name);
  }
}

function checkEnvironment(container: JsonObject, at: Path, injected: ReadonlySet<string>, say: Say): void {
  const seen = new Set<string>();
  for (const [index, variable] of objects(container.env).entries()) {
    const name = textOf(variable.name);
    if (seen.has(name))
      say([...at, "env", index], `the variable ${name} is set twice`, "one of them may come from a preset");
    if (injected.has(name)) say([...at, "env", index], `the variable ${name} is set by Prow itself`);
    seen.add(name);
  }
}

function checkMounts(
  container: JsonObject,
  at: Path,
  volumes: ReadonlySet<string>,
  decorated: boolean,
  say: Say,
): void {
  for (const [index, mount] of objects(container.volumeMounts).entries()) {
    const name = textOf(mount.name);
    const place = textOf(mount.mountPath);
    const where = [...at, "volumeMounts", index];
    if (decorated && reservedMounts.has(name)) say(where, `the mount name ${name} is reserved`);
    else if (!volumes.has(name)) say(where, `${name} is mounted, but is no volume of the pod`);
    const clash = reservedPaths.find(
      (path) => place === path || place.startsWith(`${path}/`) || path.startsWith(`${place}/`),
    );
    if (decorated && clash !== undefined) say(where, `${place} is mounted, but ${clash} is reserved`);
  }
}

export function objects(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value)
    ? value.filter(
        (item: Json): item is JsonObject => typeof item === "object" && item !== null && !Array.isArray(item),
      )
    : [];
}

function texts(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(textOf) : [];
}

export function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
