import { RE2JS } from "re2js";
import { fault } from "./fault.ts";
import { err, ok, type Result } from "./result.ts";

/** A compiled pattern with Go's RE2 semantics: linear time, no look-around, no back-references. */
export interface Pattern {
  readonly source: string;
  /** True when any part of `text` matches (Go: `MatchString`). */
  matches(text: string): boolean;
}

const compiled = new Map<string, Pattern>();
const keepAtMost = 20_000;

/**
 * The only door to regexes that come from data. Equal sources share one compiled pattern, since real job files repeat
 * the same few hundred. Fails with `bad-input` where Go's `regexp.Compile` fails.
 */
export function compilePattern(source: string): Result<Pattern> {
  const known = compiled.get(source);
  if (known) return ok(known);
  try {
    const machine = RE2JS.compile(source);
    const pattern: Pattern = { source, matches: (text) => machine.matcher(text).find() };
    if (compiled.size >= keepAtMost) compiled.clear();
    compiled.set(source, pattern);
    return ok(pattern);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return err(fault("bad-input", `"${source}" is no RE2 pattern: ${why}`, { cause }));
  }
}
