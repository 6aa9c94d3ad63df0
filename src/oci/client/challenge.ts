/** One challenge of a `WWW-Authenticate` header. */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const longestHeader = 8 * 1024;

/** RFC 9110 11.6.1: several challenges in one header, each with parameters, quoted or not. What is malformed is left out. */
export function parseChallenges(header: string): readonly Challenge[] {
  if (header.length > longestHeader) return [];
  const found: { scheme: string; parameters: Record<string, string> }[] = [];
  let rest = header;
  for (;;) {
    rest = rest.replace(/^[\s,]+/, "");
    if (rest === "") return found;
    const parameter = /^([A-Za-z0-9_-]{1,40})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/.exec(rest);
    const current = found.at(-1);
    if (parameter && current) {
      const [whole, name = "", quoted, plain = ""] = parameter;
      current.parameters[name.toLowerCase()] = quoted === undefined ? plain : quoted.replace(/\\(.)/g, "$1");
      rest = rest.slice(whole.length);
      continue;
    }
    const scheme = /^[A-Za-z][A-Za-z0-9-]{0,40}(?=[\s,]|$)/.exec(rest)?.[0];
    if (scheme === undefined) return found;
    found.push({ scheme: scheme.toLowerCase(), parameters: {} });
    rest = rest.slice(scheme.length);
  }
}
