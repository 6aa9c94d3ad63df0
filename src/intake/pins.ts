import { editPins, type PinEdit } from "../config/index.ts";
import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import type { Component, Principal } from "../family/index.ts";
import { familyHistory, pinnedAt } from "../history/index.ts";
import { betterPin, type PlacedPin, pinStanding, releaseOfPin } from "../policy/index.ts";
import type { FactSources } from "./facts.ts";
import type { Intake } from "./intake.ts";
import { laneResults } from "./lane-facts.ts";
import { nextVersions } from "./next-versions.ts";
import { proposeOnce } from "./propose.ts";
import { releasedVersions, withdrawnVersions } from "./released-versions.ts";

export interface PinActsOptions extends FactSources {
  readonly clock: Clock;
  readonly intake: Intake;
}

/** Design 6: one line of `pins`. */
export interface PinItem {
  readonly deployment: string;
  readonly file: string;
  readonly line: number;
  readonly component: string;
  readonly image: string;
  /** A tag, or a digest where no release is known to have it. */
  readonly pinned: string;
  readonly newest: string | null;
  readonly behindReleases: number | null;
  readonly behindDays: number | null;
  /** Why the pinned release is not to be used; null unless it was withdrawn. */
  readonly withdrawn: string | null;
}

export interface PinsAnswer {
  readonly items: readonly PinItem[];
  /** Deployments whose pins cannot be read, and why. */
  readonly unread: readonly { readonly deployment: string; readonly reason: string }[];
}

export interface PinUpdateRequest {
  /** The deployment; `undefined`: the only one. */
  readonly deployment: string | undefined;
  /** Only pins of this component. */
  readonly component: string | undefined;
  /** Only files below this folder. */
  readonly below: string | undefined;
}

export interface PinUpdateAnswer {
  readonly deployment: string;
  /** `undefined` when there was nothing to do. */
  readonly change: number | undefined;
  readonly edits: readonly {
    readonly file: string;
    readonly line: number;
    readonly from: string;
    readonly to: string;
  }[];
  /** Pins that stay, and why. */
  readonly kept: readonly {
    readonly file: string;
    readonly line: number;
    readonly image: string;
    readonly reason: string;
  }[];
  /** Which release of the deployment this asks for. */
  readonly proposed: { readonly version: string; readonly reason: string } | undefined;
}

/** What deployments pin. Faults: `not-found`, `forbidden`, `bad-input` (pins that cannot be read), `refused`. */
export interface PinActs {
  pins(): Promise<PinsAnswer>;
  /** Opens a change, or renews the open one, in which nothing but pins is edited. Nothing moves by itself. */
  update(request: PinUpdateRequest, by: Principal): Promise<Result<PinUpdateAnswer>>;
}

/** Of the one open change that updates the pins of a branch. */
export const pinsPurpose = "pins";

const titleStart = "Update pins";

export function createPinActs(options: PinActsOptions): PinActs {
  function deployments(): readonly Component[] {
    return options.family().components.filter((each) => each.kind === "deployment");
  }

  async function look(component: Component) {
    const repository = await options.git.open(component.name);
    const open = async (other: Component) => await options.git.open(other.name);
    const history = familyHistory({ family: options.family(), open }, component, repository);
    const branch = component.defaultBranch ?? (await repository.defaultBranch()) ?? "main";
    const head = await repository.commitOf(`refs/heads/${branch}`);
    return { repository, history, branch, head };
  }

  async function pins(): Promise<PinsAnswer> {
    const releases = releasedVersions(options);
    const withdrawn = withdrawnVersions(options);
    const items: PinItem[] = [];
    const unread: { deployment: string; reason: string }[] = [];
    for (const component of deployments()) {
      const { history, head } = await look(component);
      const read = head === undefined ? { unknown: "its repository was not read yet" } : await pinnedAt(history, head);
      if ("unknown" in read) {
        unread.push({ deployment: component.name, reason: read.unknown });
        continue;
      }
      for (const pin of onceEach(read.value)) {
        if (pin.owner === undefined) continue;
        const all = await releases(pin.owner);
        const pinned = releaseOfPin(pin, all) ?? pin.digest ?? "";
        const { newest, behindReleases, behindDays } = pinStanding(pinned, all);
        items.push({
          deployment: component.name,
          file: pin.file,
          line: pin.line,
          component: pin.owner,
          image: pin.repository,
          pinned,
          newest: newest ?? null,
          behindReleases: behindReleases ?? null,
          behindDays: behindDays ?? null,
          withdrawn: (await withdrawn(pin.owner)).get(pinned) ?? null,
        });
      }
    }
    return { items, unread };
  }

  function chosen(name: string | undefined): Result<Component> {
    const all = deployments();
    const names = all.map((each) => each.name).join(", ");
    const [only] = name === undefined ? all : all.filter((each) => each.name === name);
    if (!only)
      return err(
        fault("not-found", name === undefined ? "the family has no deployment" : `there is no deployment ${name}`, {
          hint: names === "" ? "set kind: deployment on a component" : `deployments: ${names}`,
        }),
      );
    if (name === undefined && all.length > 1)
      return err(fault("bad-input", "there are several deployments", { hint: `name one of ${names}` }));
    return ok(only);
  }

  async function update(request: PinUpdateRequest, by: Principal): Promise<Result<PinUpdateAnswer>> {
    const component = chosen(request.deployment);
    if (!component.ok) return component;
    const { name } = component.value;
    const { repository, history, branch, head } = await look(component.value);
    if (head === undefined) return err(fault("refused", `${name} has no branch ${branch}`));
    const read = await pinnedAt(history, head);
    if ("unknown" in read)
      return err(
        fault("bad-input", `what ${name} pins cannot be read: ${read.unknown}`, { hint: "mend `pins:` there" }),
      );
    const wanted = onceEach(read.value).filter(
      (pin) => request.below === undefined || pin.file.startsWith(`${request.below.replace(/\/+$/, "")}/`),
    );
    const judged = await judge(wanted, name, request.component);
    const next = await nextVersions(
      options,
      component.value,
      repository,
      branch,
      head,
      options.clock.now(),
      edited(read.value, judged.edits),
    );
    const proposed =
      next.last !== undefined && (judged.edits.length > 0 || next.commits > 0) ? next.versions[0] : undefined;
    const own = request.component === undefined || request.component === name ? proposed : undefined;
    const edits = [...judged.edits, ...ownEdits(wanted, name, own?.version, judged.edits.length > 0)];
    const told = edits.map(({ pin, tag, digest }) => ({
      file: pin.file,
      line: pin.line,
      from: pin.text,
      to: [pin.repository, tag && `:${tag}`, digest && `@${digest}`].join(""),
    }));
    if (edits.length === 0)
      return ok({ deployment: name, change: undefined, edits: told, kept: judged.kept, proposed });
    const files = new Map<string, string>();
    for (const file of new Set(edits.map((edit) => edit.pin.file))) {
      const text = (await repository.readFile(head, file)) ?? "";
      files.set(
        file,
        editPins(
          text,
          edits.filter((edit) => edit.pin.file === file),
        ),
      );
    }
    const commit = await repository.commitTree({
      tree: await repository.treeWith(head, files),
      parents: [head],
      message: messageOf(edits, proposed),
      author: { name: by.user, email: `${by.user}@fairlead.invalid` },
      at: options.clock.now(),
    });
    const change = await proposeOnce(options, repository, {
      component: component.value,
      base: branch,
      head: commit,
      by,
      purpose: pinsPurpose,
    });
    return change.ok
      ? ok({ deployment: name, change: change.value.number, edits: told, kept: judged.kept, proposed })
      : change;
  }

  /** Finals that are not offered, since the stable lane with them is not green, each with the reason. */
  async function heldBack(component: string): Promise<ReadonlyMap<string, string>> {
    const newest = new Map((await laneResults(options.store.db, component)).map((lane) => [lane.tag, lane]));
    const held = [...newest.values()].filter((lane) => lane.state !== "success");
    return new Map(
      held.map((lane) => [
        lane.tag,
        `${lane.tag} is not offered: ${lane.job} with it is ${lane.state} (run ${lane.run})`,
      ]),
    );
  }

  /** Pins of other components that a newer release replaces, and those that stay although they are behind. */
  async function judge(pinned: readonly PlacedPin[], self: string, only: string | undefined) {
    const releases = releasedVersions(options);
    const edits: PinEdit[] = [];
    const kept: { file: string; line: number; image: string; reason: string }[] = [];
    for (const pin of pinned) {
      if (pin.owner === undefined || pin.owner === self || (only !== undefined && pin.owner !== only)) continue;
      const all = await releases(pin.owner);
      const held = await heldBack(pin.owner);
      const better = betterPin(
        releaseOfPin(pin, all),
        all.filter((release) => !held.has(release.tag)),
      );
      const newest = betterPin(releaseOfPin(pin, all), all);
      const why = newest && held.get(newest.tag);
      if (why !== undefined && newest?.tag !== better?.tag)
        kept.push({ file: pin.file, line: pin.line, image: pin.name, reason: why });
      if (!better) continue;
      const digest = pin.digest === undefined ? undefined : better.digests[pin.name];
      if (pin.digest !== undefined && digest === undefined) {
        const reason = `it is pinned by digest, and that of ${better.tag} is not known here`;
        kept.push({ file: pin.file, line: pin.line, image: pin.name, reason });
      } else edits.push({ pin, tag: pin.tag === undefined ? undefined : better.tag, digest });
    }
    return { edits, kept };
  }

  return { pins, update };
}

function edited(pins: readonly PlacedPin[], edits: readonly PinEdit[]): readonly PlacedPin[] {
  return pins.map((pin) => {
    const edit = edits.find((each) => each.pin.file === pin.file && each.pin.start === pin.start);
    return edit ? { ...pin, tag: edit.tag, digest: edit.digest } : pin;
  });
}

/** Pins as they stand in files; links to a folder show them once more. */
function onceEach(pins: readonly PlacedPin[]): readonly PlacedPin[] {
  const seen = new Map(pins.map((pin) => [`${pin.file}:${pin.start}`, pin]));
  return [...seen.values()].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.start - b.start));
}

/** Its own image, which is rebuilt with its version: the manifests of a release start the driver of that release. */
function ownEdits(
  pins: readonly PlacedPin[],
  self: string,
  version: string | undefined,
  others: boolean,
): readonly PinEdit[] {
  if (version === undefined) return [];
  return pins
    .filter((pin) => pin.owner === self && pin.digest === undefined && pin.tag !== version)
    .filter((pin) => others || pin.tag !== undefined)
    .map((pin) => ({ pin, tag: version, digest: undefined }));
}

function messageOf(edits: readonly PinEdit[], proposed: { version: string; reason: string } | undefined): string {
  const pins = [...new Set(edits.map(({ pin, tag }) => `${pin.name} ${tag ?? "by digest"}`))];
  const title = pins.length > 3 ? `${titleStart} of ${pins.length} images` : `${titleStart}: ${pins.join(", ")}`;
  const next = proposed ? `\nNext release: ${proposed.version}, since ${proposed.reason}\n` : "";
  return `${title}\n\n${pins.map((pin) => `- ${pin}\n`).join("")}${next}`;
}
