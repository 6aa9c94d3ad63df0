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
    let machine = isPlainlyValid(source) ? undefined : RE2JS.compile(source);
    const matches = (text: string) => {
      machine ??= RE2JS.compile(source);
      return machine.matcher(text).find();
    };
    const pattern: Pattern = { source, matches };
    if (compiled.size >= keepAtMost) compiled.clear();
    compiled.set(source, pattern);
    return ok(pattern);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return err(fault("bad-input", `"${source}" is no RE2 pattern: ${why}`, { cause }));
  }
}

const literal = /[A-Za-z0-9 _/,:;=@%&~'"<>!#-]/;
const escaped = new Set([".", "/", "-"]);

/**
 * Is this a pattern of the most usual kind: letters, dots, anchors, alternatives, groups without flags, one repetition of
 * each? Compiling is most of the work of checking thousands of jobs, of which few are ever asked to match. `false` says
 * nothing: compiling tells.
 */
export function isPlainlyValid(source: string): boolean {
  if (source.length > 1000) return false;
  let depth = 0;
  let repeatable = false;
  for (let at = 0; at < source.length; at++) {
    const character = source.charAt(at);
    switch (character) {
      case "^":
      case "$":
      case "|":
        repeatable = false;
        break;
      case "(":
        depth += 1;
        if (depth > 50 || source.charAt(at + 1) === "?") return false;
        repeatable = false;
        break;
      case ")":
        depth -= 1;
        if (depth < 0) return false;
        repeatable = true;
        break;
      case "*":
      case "+":
      case "?":
        if (!repeatable) return false;
        repeatable = false;
        break;
      case "\\":
        at += 1;
        if (!escaped.has(source.charAt(at))) return false;
        repeatable = true;
        break;
      default:
        if (character !== "." && !literal.test(character)) return false;
        repeatable = true;
    }
  }
  return depth === 0;
}
