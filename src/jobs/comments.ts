import { compilePattern } from "../core/index.ts";

/** The commands of a comment on a change, as one job sees them (Prow 2.3). */
export interface CommentCommands {
  /** The job's own trigger matches. */
  readonly byName: boolean;
  readonly testAll: boolean;
  readonly retest: boolean;
  readonly retestRequired: boolean;
  readonly testManualRequired: boolean;
  readonly okToTest: boolean;
  /** Why nothing is asked for although a command stands there. */
  readonly only: string | undefined;
}

const patterns = {
  testAll: "(?m)^/test all,?($|\\s.*)",
  retest: "(?m)^/retest\\s*$",
  retestRequired: "(?m)^/retest-required\\s*$",
  testManualRequired: "(?m)^/test-manual-required\\s*$",
  okToTest: "(?m)^/ok-to-test\\s*$",
  okToTestCancel: "(?m)^/ok-to-test\\s+cancel\\s*$",
  testHelp: "(?m)^/test[ \\t]*\\?\\s*$",
  emptyTest: "(?m)^/test\\s*$",
  testSomething: "(?m)^/test[ \\t]+\\S+",
  retestSomething: "(?m)^/retest[ \\t]+\\S+",
} as const;

const nothing: CommentCommands = {
  byName: false,
  testAll: false,
  retest: false,
  retestRequired: false,
  testManualRequired: false,
  okToTest: false,
  only: undefined,
};

/**
 * Whether a comment speaks to us is asked without its code blocks; what it asks for is read from the whole text, as Prow
 * does. `/ok-to-test cancel` starts nothing, whatever stands beside it.
 */
export function commandsIn(comment: string, trigger: string): CommentCommands {
  const outside = withoutCodeBlocks(comment);
  const relevant = matches(trigger, outside) || Object.values(patterns).some((pattern) => matches(pattern, outside));
  if (!relevant) {
    const only = outside === comment ? undefined : "what it asks for stands in a code block";
    return { ...nothing, only };
  }
  if (cancelsOkToTest(comment)) return { ...nothing, only: "/ok-to-test cancel starts nothing" };
  return {
    byName: matches(trigger, comment),
    testAll: matches(patterns.testAll, comment),
    retest: matches(patterns.retest, comment),
    retestRequired: matches(patterns.retestRequired, comment),
    testManualRequired: matches(patterns.testManualRequired, comment),
    okToTest: matches(patterns.okToTest, comment),
    only: undefined,
  };
}

export function saysOkToTest(comment: string): boolean {
  return matches(patterns.okToTest, withoutCodeBlocks(comment)) && !cancelsOkToTest(comment);
}

export function cancelsOkToTest(comment: string): boolean {
  return matches(patterns.okToTestCancel, withoutCodeBlocks(comment));
}

/** What Prow answers instead of silence (2.3): the note above the list of commands, or `undefined` where no help is due. */
export function helpNote(comment: string, started: number): string | undefined {
  const text = withoutCodeBlocks(comment);
  if (matches(patterns.testHelp, text)) return "";
  if (matches(patterns.emptyTest, text)) return "The `/test` command needs one or more targets.";
  if (matches(patterns.retestSomething, text)) return "The `/retest` command does not accept any targets.";
  if (started > 0) return undefined;
  if (matches(patterns.testAll, text)) return "No jobs can be run with `/test all`.";
  return matches(patterns.testSomething, text) ? "The specified target(s) for `/test` were not found." : undefined;
}

/** Fenced blocks, from a line that begins with the fence to a line that is the fence; one left open is text. */
export function withoutCodeBlocks(text: string): string {
  const lines = text.split("\n");
  const kept: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const fence = line.startsWith("```") ? "```" : line.startsWith("~~~") ? "~~~" : undefined;
    const end = fence === undefined ? -1 : lines.indexOf(fence, at + 1);
    if (end < 0) kept.push(line);
    else at = end;
  }
  return kept.join("\n");
}

function matches(pattern: string, text: string): boolean {
  const compiled = compilePattern(pattern);
  return compiled.ok && compiled.value.matches(text);
}
