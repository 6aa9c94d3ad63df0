import { counted, fine, found, isFinal, listed, onHistory, onKnown, unchecked } from "./answers.ts";
import type { Rule } from "./model.ts";

/** What the tree holds, compared with the release before. */
export const rulesOfContents: readonly Rule[] = [
  {
    id: "changelog-missing",
    severity: "refuse",
    overridable: true,
    about:
      "Where releases have a heading in the changelog, this one has too: the best sign of a tag on the wrong commit.",
    check: onHistory((history, version) => {
      const { headingBefore: before, contents } = history;
      if (!isFinal(version) || contents.changelog.heading || before === undefined) return fine;
      return found(
        `no changelog has a heading for ${version.tag}, as there was one for ${before}`,
        `write the section ${version.tag} of the changelog first, then tag that commit`,
        { earlier: before },
      );
    }),
  },
  {
    id: "shared-not-pristine",
    severity: "refuse",
    overridable: true,
    about: "Folders copied from an internal component are exactly one of its revisions.",
    check: onHistory((history) =>
      onKnown(history.shared, (folders) => {
        const changed = folders.filter((each) => !each.pristine);
        if (changed.length === 0) return fine;
        return found(
          `${listed(changed.map((each) => `${each.folder} was never like this in ${each.component}`))}`,
          "make the change in the shared component, then copy that",
          { folders: changed },
        );
      }),
    ),
  },
  {
    id: "shared-behind",
    severity: "warn",
    overridable: true,
    about: "Copies of internal components lack at most 8 of its merges (`thresholds.shared-behind`).",
    check: onHistory((history, _version, _facts, thresholds) =>
      onKnown(history.shared, (folders) => {
        const behind = folders.filter((each) => each.pristine && each.behind > thresholds.sharedBehind);
        if (behind.length === 0) return fine;
        return found(
          `${listed(behind.map((each) => `${each.folder} lacks ${counted(each.behind, "merge")} of ${each.component}`))}`,
          "copy the shared component again",
          { folders: behind },
        );
      }),
    ),
  },
  {
    id: "toolchain-older",
    severity: "refuse",
    overridable: true,
    about: "The Go that builds is no older than the one that `go.mod` asks for.",
    check: onHistory((history) => {
      const { asked, builds } = history.contents.go;
      if (asked === undefined) return fine;
      if (builds === undefined) return unchecked("nothing says which Go builds it: set toolchain.go");
      if (!olderGo(builds, asked)) return fine;
      return found(`go.mod asks for Go ${asked}, and Go ${builds} builds it`, `build with Go ${asked} or newer`, {
        asked,
        builds,
      });
    }),
  },
  {
    id: "fewer-images",
    severity: "refuse",
    overridable: true,
    about: "Only a major drops an image.",
    check: onHistory((history, version) => {
      const before = history.before;
      if (!before || Number(/^v(\d+)/.exec(before.tag)?.[1]) !== version.major) return fine;
      return onKnown(before.contents.images, (old) =>
        onKnown(history.contents.images, (now) => {
          const gone = old.filter((image) => !now.includes(image));
          if (gone.length === 0) return fine;
          return found(
            `${listed(gone)} was released with ${before.tag} and is not built any more`,
            `release it as v${version.major + 1}.0.0, or build it again`,
            { gone },
          );
        }),
      );
    }),
  },
  {
    id: "rbac-grown",
    severity: "warn",
    overridable: true,
    about: "A patch asks for no more rights in the cluster than the release before.",
    check: onHistory((history, version, facts) => {
      const before = history.before;
      if (version.patch === 0 || !before || !sameLine(before.tag, version.tag)) return fine;
      return onKnown(before.contents.rbac, (old) =>
        onKnown(history.contents.rbac, (now) => {
          const had = new Set(old);
          const grown = old.length === 0 ? [] : now.filter((each) => !had.has(each));
          if (grown.length === 0) return fine;
          return found(
            `${facts.component} asks for ${counted(grown.length, "right")} that ${before.tag} did not: ${listed(grown, 2)}`,
            "leave it to the next minor, or say in the changelog why a patch needs it",
            { grown: grown.slice(0, 50) },
          );
        }),
      );
    }),
  },
];

/** Go toolchains: `1.22` asks for any 1.22. */
function olderGo(builds: string, asked: string): boolean {
  const [ours, theirs] = [builds, asked].map((text) => text.split(".").map(Number));
  for (const place of [0, 1, 2]) {
    const difference = (ours?.[place] ?? 0) - (theirs?.[place] ?? 0);
    // `1.22` as a toolchain is its newest patch.
    if (place === 2 && ours?.[2] === undefined) return false;
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function sameLine(a: string, b: string): boolean {
  return /^v\d+\.\d+\./.exec(a)?.[0] === /^v\d+\.\d+\./.exec(b)?.[0];
}
