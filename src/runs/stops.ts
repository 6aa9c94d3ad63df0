import { type Fault, forOneLine } from "../core/index.ts";
import type { Outcome } from "../execute/index.ts";
import type { LogWriter } from "../results/index.ts";
import type { RunEnd } from "./model.ts";

/** A run ended early: its state and the sentence. */
export interface Stop {
  readonly state: RunEnd["state"];
  readonly description: string;
  readonly notRunNeed?: string | undefined;
  /** The surroundings ended it, not the job: it may be started again. */
  readonly again?: boolean | undefined;
}

export function notRun(need: string, detail: string, mend: string): Stop {
  return { state: "error", description: `not run here: needs ${need} (${detail}); ${mend}`, notRunNeed: need };
}

export function aborted(signal: AbortSignal): Stop {
  return { state: "aborted", description: String(signal.reason) };
}

export function checkoutStop(
  error: Fault & { readonly conflicts?: readonly string[] | undefined },
  log: LogWriter,
): Stop {
  log.line(`fairlead: ${forOneLine(error.message, 1000)}`);
  const conflicts = error.conflicts ?? [];
  if (conflicts.length > 0) {
    // A name of a file may hold a newline, which would begin a line that looks like ours.
    const shown = conflicts.slice(0, 100).map((path) => forOneLine(path, 200));
    for (const path of shown) log.line(`fairlead: conflict in ${path}`);
    const named = shown.slice(0, 5).join(", ");
    return {
      state: "failure",
      description: `conflicts with its base in ${named}${conflicts.length > 5 ? ` and ${conflicts.length - 5} more` : ""}`,
    };
  }
  return { state: error.code === "limit" ? "failure" : "error", description: error.message };
}

/** `errorOnEviction`: the job says that an eviction is its end (Prow 1.2). */
export function stopOf(name: string, outcome: Outcome, signal: AbortSignal, errorOnEviction: boolean): Stop {
  if (outcome.kind === "aborted")
    return { state: "aborted", description: signal.aborted ? String(signal.reason) : outcome.description };
  if (outcome.kind === "could-not-start" || outcome.kind === "lost") {
    const again = outcome.again !== undefined && !(outcome.again === "evicted" && errorOnEviction);
    return { state: "error", description: outcome.description, again };
  }
  if (outcome.kind === "exited" && outcome.exitCode === 0) return { state: "success", description: "succeeded" };
  return { state: "failure", description: `${name} ${outcome.description}` };
}
