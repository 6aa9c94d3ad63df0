import { relative, sep } from "node:path";

/** The lines of one `.prowignore`, which has the syntax of `.gitignore`, for what lies below its folder. */
export interface IgnoreRules {
  ignores(path: string, isFolder: boolean): boolean;
}

interface Rule {
  readonly parts: readonly string[];
  readonly negated: boolean;
  readonly foldersOnly: boolean;
  readonly anchored: boolean;
}

export function ignoreRules(folder: string, text: string): IgnoreRules {
  const rules = text.split(/\r?\n/).flatMap(ruleOf);
  return {
    ignores: (path, isFolder) => {
      const parts = relative(folder, path).split(sep);
      let ignored = false;
      for (const rule of rules) {
        if (rule.foldersOnly && !isFolder) continue;
        const fits = rule.anchored
          ? pathFits(rule.parts, parts)
          : pathFits(rule.parts, parts.slice(-rule.parts.length));
        if (fits) ignored = !rule.negated;
      }
      return ignored;
    },
  };
}

function ruleOf(line: string): readonly Rule[] {
  const trimmed = line.replace(/(?<!\\) +$/, "");
  if (trimmed === "" || trimmed.startsWith("#")) return [];
  const negated = trimmed.startsWith("!");
  const pattern = (negated ? trimmed.slice(1) : trimmed).replace(/^\\(?=[#!])/, "");
  const foldersOnly = pattern.endsWith("/");
  const bare = pattern.replace(/\/+$/, "");
  const anchored = bare.includes("/");
  const parts = bare.replace(/^\/+/, "").split("/");
  return bare === "" ? [] : [{ parts, negated, foldersOnly, anchored }];
}

/** `**` stands for any number of folders. */
function pathFits(pattern: readonly string[], parts: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return parts.length === 0;
  if (first === "**") return parts.some((_, index) => pathFits(rest, parts.slice(index))) || rest.length === 0;
  const [head, ...tail] = parts;
  return head !== undefined && nameFits(first, head) && pathFits(rest, tail);
}

/** `*`, `?` and `[…]` within one name, in linear time with one point to return to. */
function nameFits(pattern: string, name: string): boolean {
  let at = 0;
  let in_ = 0;
  let star = -1;
  let back = 0;
  while (in_ < name.length) {
    const token = tokenAt(pattern, at);
    if (token && token.fits(name[in_] ?? "")) {
      at += token.length;
      in_ += 1;
    } else if (pattern[at] === "*") {
      star = at;
      back = in_;
      at += 1;
    } else if (star >= 0) {
      at = star + 1;
      back += 1;
      in_ = back;
    } else return false;
  }
  while (pattern[at] === "*") at += 1;
  return at === pattern.length;
}

function tokenAt(
  pattern: string,
  at: number,
): { readonly length: number; fits(character: string): boolean } | undefined {
  const character = pattern[at];
  if (character === undefined || character === "*") return undefined;
  if (character === "?") return { length: 1, fits: () => true };
  if (character === "\\") return { length: 2, fits: (each) => each === pattern[at + 1] };
  const end = character === "[" ? pattern.indexOf("]", at + 2) : -1;
  if (end < 0) return { length: 1, fits: (each) => each === character };
  const negated = pattern[at + 1] === "!" || pattern[at + 1] === "^";
  const inside = pattern.slice(at + (negated ? 2 : 1), end);
  return { length: end - at + 1, fits: (each) => inClass(inside, each) !== negated };
}

function inClass(inside: string, character: string): boolean {
  for (let at = 0; at < inside.length; at++) {
    const low = inside[at] ?? "";
    if (inside[at + 1] === "-" && inside[at + 2] !== undefined) {
      if (low <= character && character <= (inside[at + 2] ?? "")) return true;
      at += 2;
    } else if (low === character) return true;
  }
  return false;
}
