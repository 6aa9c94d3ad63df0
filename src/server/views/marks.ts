import type { ReleaseState, RunState } from "../../family/index.ts";
import type { Mark } from "./model.ts";

/** The same glyph on pages and on the terminal. */
export const glyphs: Readonly<Record<Mark, string>> = {
  success: "✓",
  failure: "✗",
  running: "◐",
  queued: "○",
  aborted: "⊘",
  error: "!",
  skipped: "–",
  notrun: "◌",
  flaky: "≈",
  quarantined: "◆",
  published: "■",
  withdrawn: "⊠",
};

export interface Judged {
  readonly mark: Mark;
  readonly word: string;
}

/** A run that lacked something of this machine is neither red nor green: it was not run here. */
export function markOfRun(state: RunState, notRunNeed: string | null): Judged {
  if (notRunNeed !== null) return { mark: "notrun", word: "not run here" };
  switch (state) {
    case "triggered":
      return { mark: "queued", word: "queued" };
    case "pending":
      return { mark: "running", word: "running" };
    default:
      return { mark: state, word: state };
  }
}

export function markOfRelease(state: ReleaseState): Judged {
  switch (state) {
    case "requested":
      return { mark: "queued", word: state };
    case "building":
    case "verifying":
    case "publishing":
      return { mark: "running", word: state };
    case "failed":
      return { mark: "failure", word: state };
    case "closed":
      return { mark: "aborted", word: state };
    default:
      return { mark: state, word: state };
  }
}

/** State of one image of a release at one registry. */
export function markOfPublication(state: string): Judged {
  switch (state) {
    case "published":
      return { mark: "published", word: state };
    case "refused":
      return { mark: "error", word: "refused" };
    case "absent":
      return { mark: "notrun", word: "absent" };
    case "copy":
      return { mark: "running", word: "being copied" };
    case "wanted":
    case "pushed":
      return { mark: "running", word: "publishing" };
    default:
      return { mark: "queued", word: state };
  }
}

export function markOfChange(state: string): Judged {
  if (state === "merged") return { mark: "success", word: "merged" };
  if (state === "closed") return { mark: "aborted", word: "closed" };
  return { mark: "queued", word: "open" };
}
