import { err, fault, ok, type Result } from "../../core/index.ts";

/** Docker: `$name`, `${name}`, `${name:-default}`, `${name:+other}`, `${name-…}`, `${name+…}`, `\$`. Unset is empty. */
export function substitute(text: string, lookup: (name: string) => string | undefined, depth = 0): Result<string> {
  if (depth > 8) return err(fault("bad-input", "variables are nested deeper than 8"));
  let result = "";
  for (let index = 0; index < text.length; ) {
    const character = text[index] ?? "";
    if (character === "\\" && text[index + 1] === "$") {
      result += "$";
      index += 2;
      continue;
    }
    if (character === "'") {
      const end = text.indexOf("'", index + 1);
      const stop = end < 0 ? text.length : end + 1;
      result += text.slice(index, stop);
      index = stop;
      continue;
    }
    if (character !== "$") {
      result += character;
      index++;
      continue;
    }
    const plain = /^\$([A-Za-z_][A-Za-z0-9_]*)/.exec(text.slice(index, index + 300));
    if (plain) {
      result += lookup(plain[1] ?? "") ?? "";
      index += plain[0].length;
      continue;
    }
    if (text[index + 1] !== "{") {
      result += character;
      index++;
      continue;
    }
    const end = closing(text, index + 2);
    if (end < 0) return err(fault("bad-input", `\${ is not closed: ${text.slice(index, index + 40)}`));
    const inner = text.slice(index + 2, end);
    const parts = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])([\s\S]*))?$/.exec(inner);
    if (!parts) return err(fault("bad-input", `\${${inner.slice(0, 40)}} is no variable that is understood`));
    const [, name = "", operator, word = ""] = parts;
    const value = lookup(name);
    const set = value !== undefined && (operator?.startsWith(":") !== true || value !== "");
    const other = operator === undefined ? ok("") : substitute(word, lookup, depth + 1);
    if (!other.ok) return other;
    if (operator?.endsWith("?") === true && !set)
      return err(fault("bad-input", `${name} is not set${word === "" ? "" : `: ${other.value}`}`));
    if (operator?.endsWith("+") === true) result += set ? other.value : "";
    else result += set ? (value ?? "") : other.value;
    index = end + 1;
  }
  return ok(result);
}

function closing(text: string, from: number): number {
  let open = 1;
  for (let index = from; index < text.length; index++) {
    if (text[index] === "{" && text[index - 1] === "$") open++;
    if (text[index] === "}" && --open === 0) return index;
  }
  return -1;
}
