/** A word as written, quotes and variables and all, with where it begins. */
export interface Word {
  readonly text: string;
  readonly at: number;
}

/** The JSON form `["a", "b"]`, or `undefined` when it is the shell form, for which Docker takes all that is no JSON. */
export function jsonForm(text: string): readonly string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((each): each is string => typeof each === "string")) return value;
  } catch {
    // The shell form.
  }
  return undefined;
}

/** Docker splits the sources of COPY and the ports of EXPOSE at white space alone, quoted or not. */
export function spacedWords(text: string): readonly Word[] {
  return [...text.matchAll(/\S+/g)].map((match) => ({ text: match[0], at: match.index }));
}

/** Words as ARG, ENV and LABEL have them: white space within quotes or after the escape character does not divide. */
export function quotedWords(text: string, escapeMark: string): readonly Word[] {
  const found: Word[] = [];
  let begin = -1;
  let quote = "";
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? "";
    if (begin < 0 && /\s/.test(character)) continue;
    if (begin < 0) begin = index;
    if (character === escapeMark && quote !== "'") index++;
    else if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (/\s/.test(character)) {
      found.push({ text: text.slice(begin, index), at: begin });
      begin = -1;
    }
  }
  if (begin >= 0) found.push({ text: text.slice(begin), at: begin });
  return found;
}

/** Splits `name=value` at its first equals sign; `undefined` without one. */
export function splitPair(text: string): readonly [string, string] | undefined {
  const at = text.indexOf("=");
  return at < 0 ? undefined : [text.slice(0, at), text.slice(at + 1)];
}
