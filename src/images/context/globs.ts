import { compilePattern, type Pattern } from "../../core/index.ts";

/** Go's `filepath.Match` with `**`, as Docker uses it for `.dockerignore` and COPY; matched by RE2. `undefined`: malformed. */
export function globPattern(glob: string, alsoBelow: boolean): Pattern | undefined {
  let source = "^";
  for (let index = 0; index < glob.length; index++) {
    const character = glob[index] ?? "";
    if (character === "*" && glob[index + 1] === "*") {
      const slash = glob[index + 2] === "/";
      source += slash ? "(?:.*/)?" : ".*";
      index += slash ? 2 : 1;
    } else if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (character === "[") {
      const end = glob.indexOf("]", index + 2);
      if (end < 0) return undefined;
      source += `[${glob.slice(index + 1, end).replace(/[\\[]/g, "\\$&")}]`;
      index = end;
    } else if (character === "\\" && index + 1 < glob.length) source += literal(glob[++index] ?? "");
    else source += literal(character);
  }
  const compiled = compilePattern(`${source}${alsoBelow ? "(?:/.*)?" : ""}$`);
  return compiled.ok ? compiled.value : undefined;
}

export function isGlob(text: string): boolean {
  return /[*?[]/.test(text);
}

function literal(character: string): string {
  return /[A-Za-z0-9_/]/.test(character) ? character : `\\x{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Order of the bytes, the same on every machine. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Docker: `.dockerignore`; later lines win, `!` takes back. A malformed line matches nothing. */
export function ignoredBy(text: string): (path: string) => boolean {
  const rules = text
    .split(/\r?\n/)
    .slice(0, 5000)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .flatMap((line) => {
      const kept = line.startsWith("!");
      const glob = (kept ? line.slice(1) : line).replace(/^\.?\/+|\/+$/g, "");
      const pattern = globPattern(glob, true);
      return pattern ? [{ kept, pattern }] : [];
    });
  return (path) => rules.reduce((ignored, rule) => (rule.pattern.matches(path) ? !rule.kept : ignored), false);
}
