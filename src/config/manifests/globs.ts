import { compilePattern, err, fault, type Pattern, type Result } from "../../core/index.ts";

/**
 * A path pattern of `pins:`: `*` and `?` within one folder, `**` across folders, `{a,b}` for either. Fault `bad-input`
 * for one that is malformed.
 */
export function pathPattern(glob: string): Result<Pattern> {
  let source = "^";
  let inside = 0;
  for (let at = 0; at < glob.length; at++) {
    const character = glob[at] ?? "";
    if (character === "*" && glob[at + 1] === "*") {
      const slash = glob[at + 2] === "/";
      source += slash ? "(?:.*/)?" : ".*";
      at += slash ? 2 : 1;
    } else if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (character === "{") {
      inside += 1;
      source += "(?:";
    } else if (character === "}" && inside > 0) {
      inside -= 1;
      source += ")";
    } else if (character === "," && inside > 0) source += "|";
    else
      source += /[A-Za-z0-9_/-]/.test(character) ? character : `\\x{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  }
  if (inside > 0) return err(fault("bad-input", `${JSON.stringify(glob)}: a { has no }`));
  return compilePattern(`${source}$`);
}

/** The folder that everything the pattern matches stands below: `deploy` of `deploy/*.yaml`. */
export function fixedFolderOf(glob: string): string {
  const fixed = glob.split("/").slice(0, -1);
  const open = fixed.findIndex((segment) => /[*?{]/.test(segment));
  return fixed.slice(0, open < 0 ? undefined : open).join("/");
}
