import { err, fault, ok, type Result } from "../../core/index.ts";
import type { PinnedComponent, PinSet } from "./model.ts";

/** What a deployment's manifest says at one line, and whose image it is. */
export interface WantedPin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  /** `undefined`: no component of the family. */
  readonly owner: string | undefined;
}

export interface PinSetWish {
  readonly family: string;
  readonly deployment: PinSet["deployment"];
  /** What the deployment's folder names, in the order of its files. */
  readonly pins: readonly WantedPin[];
  /** `pinned`: exactly what the manifests say. `canary`: the newest canary of every component that they name. */
  readonly others: "pinned" | "canary";
  /** Put in place of what the manifests say, whatever that is. */
  readonly replaced: readonly PinnedComponent[];
  /** A component whose images the run builds itself: they are put in later, whatever is pinned of it. */
  readonly later?: string | undefined;
}

/** What the record knows; nobody else is asked. */
export interface PinRecord {
  /** Published releases, `undefined` for a version that Fairlead did not publish. */
  released(component: string, tag: string): PinnedComponent | undefined;
  /** By the digest of one of its images. */
  releasedBy(component: string, digest: string): PinnedComponent | undefined;
  canary(component: string, tag: string): PinnedComponent | undefined;
}

/**
 * One commit for each component, or why there is none. Faults: `not-found` (no record of the version, no canary),
 * `conflict` (two versions of one component), `refused` (the digest pinned is not the one that was published).
 */
export function resolvePinSet(wish: PinSetWish, record: PinRecord): Result<PinSet> {
  const chosen = new Map<string, PinnedComponent>();
  for (const component of wish.replaced) chosen.set(component.component, component);
  const firstPin = new Map<string, WantedPin>();
  for (const pin of wish.pins) {
    const { owner } = pin;
    if (owner === undefined || owner === wish.later || chosen.get(owner)?.from === "replaced") continue;
    const found = wish.others === "canary" ? canaryOf(record, owner, pin) : releaseOf(record, owner, pin);
    if (!found.ok) return found;
    const before = chosen.get(owner);
    if (before && before.commit !== found.value.commit)
      return err(twoVersions(owner, before, found.value, firstPin, pin));
    const image = found.value.images.find((each) => each.name === pin.name);
    if (!image) return err(without(found.value, pin));
    if (wish.others === "pinned" && pin.digest !== undefined && !digestsOf(image).includes(pin.digest))
      return err(otherBytes(found.value, pin, image.digest));
    if (!before) firstPin.set(owner, pin);
    chosen.set(owner, found.value);
  }
  const put = [...wish.replaced.map((each) => each.component), ...(wish.later === undefined ? [] : [wish.later])];
  const unused = put.find((name) => !wish.pins.some((pin) => pin.owner === name));
  if (unused !== undefined)
    return err(
      fault("not-found", `${where(wish)} starts no image of ${unused}, so it would test nothing of it`, {
        hint: `add its images to the manifests, or give it manifests of its own: components.${unused}.e2e.folder`,
      }),
    );
  if (chosen.size === 0 && wish.later === undefined)
    return err(
      fault("not-found", `${where(wish)} names no image of a component of ${wish.family}`, {
        hint: "its manifests are found by `pins:` of the deployment's .fairlead.yaml, below the folder of the lane",
      }),
    );
  const components = [...chosen.values()].sort((a, b) => (a.component < b.component ? -1 : 1));
  return ok({ family: wish.family, deployment: wish.deployment, components });
}

/** The set with one component's images exchanged; all else stays as it was resolved. */
export function withReplaced(set: PinSet, component: PinnedComponent): PinSet {
  const others = set.components.filter((each) => each.component !== component.component);
  const components = [...others, component].sort((a, b) => (a.component < b.component ? -1 : 1));
  return { ...set, components };
}

function canaryOf(record: PinRecord, owner: string, pin: WantedPin): Result<PinnedComponent> {
  const canary = record.canary(owner, "canary");
  if (canary) return ok(canary);
  return err(
    fault("not-found", `${owner} has no canary, and ${pin.file}:${pin.line} starts ${pin.name}`, {
      ...placed(pin),
      hint: `the first green run of its default branch publishes one: fairlead status ${owner}`,
    }),
  );
}

function releaseOf(record: PinRecord, owner: string, pin: WantedPin): Result<PinnedComponent> {
  if (pin.tag !== undefined && /(^|-)canary$/.test(pin.tag)) {
    const canary = record.canary(owner, pin.tag);
    if (canary) return ok(canary);
  }
  const found =
    pin.tag !== undefined
      ? record.released(owner, pin.tag)
      : pin.digest === undefined
        ? undefined
        : record.releasedBy(owner, pin.digest);
  if (found) return ok(found);
  const version = pin.tag ?? pin.digest ?? "no version";
  return err(
    fault("not-found", `${pin.file}:${pin.line} pins ${pin.name} at ${version}, which Fairlead never published`, {
      ...placed(pin),
      hint: `pin a version that is in the record: fairlead releases, fairlead pins --update`,
    }),
  );
}

function twoVersions(
  owner: string,
  before: PinnedComponent,
  now: PinnedComponent,
  firstPin: ReadonlyMap<string, WantedPin>,
  pin: WantedPin,
) {
  const first = firstPin.get(owner);
  return fault(
    "conflict",
    `two versions of ${owner} are pinned: ${before.version} at ${first?.file}:${first?.line}, ${now.version} at ${pin.file}:${pin.line}`,
    { ...placed(pin), hint: "all images of a component are tested from one commit: pin one version" },
  );
}

function without(component: PinnedComponent, pin: WantedPin) {
  const names = component.images.map((image) => image.name).join(", ");
  return fault(
    "not-found",
    `${pin.file}:${pin.line} starts ${pin.name}, and ${component.component} ${component.version} has only ${names}`,
    { ...placed(pin), hint: "an image that a version does not have cannot be pinned at it" },
  );
}

function otherBytes(component: PinnedComponent, pin: WantedPin, digest: string) {
  return fault(
    "refused",
    `${pin.file}:${pin.line} pins ${pin.name} ${component.version} at ${pin.digest}, and ${digest} was published`,
    { ...placed(pin), hint: "pin the digest that the record has: fairlead verify IMAGE" },
  );
}

function digestsOf(image: PinnedComponent["images"][number]): readonly string[] {
  return [image.digest, ...image.platforms.map((platform) => platform.manifest)];
}

function placed(pin: WantedPin) {
  return { place: { file: pin.file, line: pin.line, column: pin.column } };
}

function where({ deployment }: PinSetWish): string {
  return `${deployment.component} at ${deployment.commit.slice(0, 7)}${deployment.folder === "" ? "" : `, ${deployment.folder}`}`;
}
