import { bumpAtLeast, bumpBetween, bumpedTag, isFinalTag, parseVersionTag } from "../family/index.ts";
import { fine, found, isFinal, listed, onHistory, onKnown } from "./answers.ts";
import type { PlacedPin, PreflightFacts, Rule, RuleAnswer, TagHistory } from "./model.ts";
import { bumpAsked, describeChange, type PinChange, pinChanges } from "./pin-changes.ts";

/** What a deployment pins. */
export const rulesOfPins: readonly Rule[] = [
  {
    id: "prerelease-pin",
    severity: "refuse",
    overridable: true,
    about: "A final pins only finals: no candidate, no canary.",
    check: onHistory((history, version) =>
      onKnown(history.contents.pins, (pins) => {
        const moving = isFinal(version) ? pins.filter((pin) => mayChange(pin)) : [];
        if (moving.length === 0) return fine;
        const names = [...new Set(moving.map((pin) => `${pin.name}:${pin.tag ?? ""} (${pin.file}:${pin.line})`))];
        return found(
          `${version.tag} is final and pins ${listed(names)}`,
          "pin released versions: fairlead pins --update",
          { pins: [...new Set(moving.map((pin) => pin.text))] },
        );
      }),
    ),
  },
  {
    id: "pin-backwards",
    severity: "refuse",
    overridable: true,
    about: "A pin never goes back to an older version.",
    check: onHistory((history, _version, facts) =>
      onPinChanges(history, facts, (changes, before) => {
        const back = changes.filter((change) => change.backwards);
        if (back.length === 0) return fine;
        return found(
          `${listed(back.map((change) => `${change.image} goes back from ${change.from} to ${change.to}`))} since ${before}`,
          "pin what was pinned, or something newer",
          { changes: back },
        );
      }),
    ),
  },
  {
    id: "bump-relaxed",
    severity: "refuse",
    overridable: true,
    about: "A major of a pinned component needs at least a minor of the deployment.",
    check: onHistory((history, version, facts) =>
      onPinChanges(history, facts, (changes, before) => {
        const last = parseVersionTag(before);
        if (!last.ok || bumpAsked(changes) !== "major") return fine;
        if (bumpAtLeast(bumpBetween(last.value, version), "minor")) return fine;
        return tooSmall(changes, version.tag, before, bumpedTag(last.value, "minor"));
      }),
    ),
  },
  {
    id: "bump-strict",
    severity: "warn",
    overridable: true,
    about: "A deployment's version rises at least as much as any component that it pins.",
    check: onHistory((history, version, facts) =>
      onPinChanges(history, facts, (changes, before) => {
        const last = parseVersionTag(before);
        const asked = bumpAsked(changes);
        if (!last.ok || bumpAtLeast(bumpBetween(last.value, version), asked)) return fine;
        return tooSmall(changes, version.tag, before, bumpedTag(last.value, asked));
      }),
    ),
  },
  {
    id: "self-pin",
    severity: "warn",
    overridable: true,
    about: "A deployment's manifests name its own image with the version that is released.",
    check: onHistory((history, version, facts) =>
      onKnown(history.contents.pins, (pins) => {
        const own = isFinal(version) ? pins.filter((pin) => pin.owner === facts.component) : [];
        const wrong = [...new Set(own.filter((pin) => pin.tag !== version.tag).map((pin) => `${pin.name}:${pin.tag}`))];
        if (wrong.length === 0) return fine;
        return found(`its own manifests start ${listed(wrong)}`, "pin its own image too: fairlead pins --update", {
          pins: wrong,
        });
      }),
    ),
  },
];

/** Would this pin mean other bytes tomorrow, or was it never released? Images of nobody here are judged by their suffix. */
function mayChange(pin: PlacedPin): boolean {
  if (pin.digest !== undefined && pin.tag === undefined) return false;
  const tag = pin.tag ?? "";
  if (pin.owner !== undefined) return !isFinalTag(tag);
  const version = parseVersionTag(tag);
  return /(^|-)canary$/.test(tag) || (version.ok && /^(rc|alpha|beta)/.test(version.value.prerelease ?? ""));
}

function onPinChanges(
  history: TagHistory,
  facts: PreflightFacts,
  check: (changes: readonly PinChange[], before: string) => RuleAnswer,
): RuleAnswer {
  const { before } = history;
  if (!before) return fine;
  return onKnown(before.contents.pins, (old) =>
    onKnown(history.contents.pins, (now) => check(pinChanges(old, now, facts.component), before.tag)),
  );
}

function tooSmall(changes: readonly PinChange[], tag: string, before: string, proposed: string): RuleAnswer {
  const asked = bumpAsked(changes);
  const causes = changes.filter((change) => change.change === asked);
  return found(`${listed(causes.map(describeChange))}, and ${before} → ${tag} is less`, `release it as ${proposed}`, {
    changes: causes,
    proposed,
  });
}
