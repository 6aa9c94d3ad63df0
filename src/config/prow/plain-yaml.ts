import { keyText, resolvePlain, type Yaml, type YamlMap } from "./yaml-scalars.ts";

/**
 * Reads the plain part of YAML in which job files are written, five times as fast as a whole parser: block mappings and
 * sequences, one-line scalars, literal blocks, flow collections on one line. `undefined` for everything else, and for
 * whatever is wrong: then the whole parser reads it, and says so.
 */
export function readPlainYaml(text: string, offsets: Map<object, number>): { readonly value: Yaml } | undefined {
  if (unusual.test(text)) return undefined;
  try {
    const reader = new PlainReader(text, offsets);
    return { value: reader.document() };
  } catch (error) {
    if (error === notPlain) return undefined;
    throw error;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what YAML does not allow, and line ends that are none of ours
const unusual = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff]/;
const escapes: ReadonlyMap<string, string> = new Map([
  ["\\", "\\"],
  ['"', '"'],
  ["/", "/"],
  ["n", "\n"],
  ["t", "\t"],
]);
const notPlain = Symbol("not plain");
const deepest = 60;
const space = 32;
const newline = 10;
const hash = 35;
const dash = 45;
const colon = 58;

class PlainReader {
  readonly #text: string;
  readonly #offsets: Map<object, number>;
  /** Start of the line that is read next, the column of its first character, and where it ends. */
  #line = 0;
  #indent = -1;
  #end = 0;
  #next = 0;

  constructor(text: string, offsets: Map<object, number>) {
    this.#text = text;
    this.#offsets = offsets;
    this.#advance();
  }

  document(): Yaml {
    if (this.#indent === 0 && this.#text.slice(this.#line, this.#end) === "---") this.#advance();
    if (this.#indent < 0) return null;
    const value = this.#block(this.#indent, 0);
    if (this.#indent >= 0) throw notPlain;
    return value;
  }

  /** Goes to the next line that is neither empty nor a comment; an indent of -1 is the end. */
  #advance(): void {
    const text = this.#text;
    for (;;) {
      const start = this.#next;
      if (start >= text.length) {
        this.#indent = -1;
        return;
      }
      let end = text.indexOf("\n", start);
      if (end < 0) end = text.length;
      this.#next = end + 1;
      let at = start;
      while (at < end && text.charCodeAt(at) === space) at += 1;
      if (at === end || text.charCodeAt(at) === hash) continue;
      while (end > at && text.charCodeAt(end - 1) === space) end -= 1;
      this.#line = start;
      this.#indent = at - start;
      this.#end = end;
      return;
    }
  }

  #block(indent: number, depth: number): Yaml {
    if (depth > deepest) throw notPlain;
    const at = this.#line + indent;
    return this.#isItem(at) ? this.#sequence(indent, depth) : this.#mapping(indent, at, depth);
  }

  #isItem(at: number): boolean {
    if (this.#text.charCodeAt(at) !== dash) return false;
    return at + 1 === this.#end || this.#text.charCodeAt(at + 1) === space;
  }

  #sequence(indent: number, depth: number): Yaml[] {
    const items: Yaml[] = [];
    this.#offsets.set(items, this.#line + indent);
    while (this.#indent === indent && this.#isItem(this.#line + indent)) {
      let at = this.#line + indent + 1;
      while (at < this.#end && this.#text.charCodeAt(at) === space) at += 1;
      if (at === this.#end || this.#text.charCodeAt(at) === hash) {
        this.#advance();
        items.push(this.#indent > indent ? this.#block(this.#indent, depth + 1) : null);
      } else if (this.#keyEnd(at) >= 0) {
        items.push(this.#mapping(at - this.#line, at, depth + 1));
      } else {
        if (this.#isItem(at)) throw notPlain;
        items.push(this.#value(at, indent));
      }
    }
    if (this.#indent > indent) throw notPlain;
    return items;
  }

  /** `first`: where its first key stands, which may be behind the dash of an item. */
  #mapping(indent: number, first: number, depth: number): YamlMap {
    if (depth > deepest) throw notPlain;
    const map: YamlMap = Object.create(null);
    this.#offsets.set(map, first);
    let at = first;
    for (;;) {
      const keyEnd = this.#keyEnd(at);
      if (keyEnd < 0) throw notPlain;
      const key = this.#key(at, keyEnd);
      let value = keyEnd + 1;
      while (value < this.#end && this.#text.charCodeAt(value) === space) value += 1;
      if (value >= this.#end || this.#text.charCodeAt(value) === hash) {
        this.#advance();
        if (this.#indent > indent) map[key] = this.#block(this.#indent, depth + 1);
        else if (this.#indent === indent && this.#isItem(this.#line + indent))
          map[key] = this.#sequence(indent, depth + 1);
        else map[key] = null;
      } else map[key] = this.#value(value, indent);
      if (this.#indent !== indent || this.#isItem(this.#line + indent)) break;
      at = this.#line + indent;
    }
    if (this.#indent > indent) throw notPlain;
    return map;
  }

  /** Where the colon behind a plain key stands; -1 where this is no key of the plain kind. */
  #keyEnd(at: number): number {
    const text = this.#text;
    const first = text.charCodeAt(at);
    // Letters, digits, `_`, `/` and `.` begin a key; whatever else does is read by the whole parser.
    const begins =
      (first >= 97 && first <= 122) ||
      (first >= 65 && first <= 90) ||
      (first >= 47 && first <= 57) ||
      first === 95 ||
      first === 46;
    if (!begins) return -1;
    for (let end = at + 1; end < this.#end; end++) {
      const code = text.charCodeAt(end);
      if (code === colon && (end + 1 === this.#end || text.charCodeAt(end + 1) === space)) return end;
      if (code === hash && text.charCodeAt(end - 1) === space) return -1;
      if (code === newline) return -1;
    }
    return -1;
  }

  #key(at: number, end: number): string {
    if (this.#text.charCodeAt(end - 1) === space) throw notPlain;
    return keyText(resolvePlain(this.#text.slice(at, end)), at);
  }

  /** A value that begins on this line, below a block of the given indent. */
  #value(at: number, indent: number): Yaml {
    const first = this.#text.charAt(at);
    if (first === "|") return this.#literal(at, indent);
    if (first === ">") return this.#folded(at, indent);
    const { value, end } = this.#inline(at, this.#end, false);
    this.#onlyCommentAfter(end);
    this.#advance();
    // A deeper line would go on with this scalar.
    if (this.#indent > indent) throw notPlain;
    return value;
  }

  #onlyCommentAfter(end: number): void {
    let at = end;
    while (at < this.#end && this.#text.charCodeAt(at) === space) at += 1;
    if (at < this.#end && !(this.#text.charCodeAt(at) === hash && at > end)) throw notPlain;
  }

  /** A scalar or flow collection on one line; `inFlow`: it ends at `,`, `]` or `}` too. */
  #inline(at: number, limit: number, inFlow: boolean): { readonly value: Yaml; readonly end: number } {
    const text = this.#text;
    switch (text.charAt(at)) {
      case '"':
        return this.#doubleQuoted(at, limit);
      case "'":
        return this.#singleQuoted(at, limit);
      case "[":
        return this.#flowSequence(at, limit);
      case "{":
        return this.#flowMapping(at, limit);
      case "&":
      case "*":
      case "!":
      case "%":
      case "@":
      case "`":
      case ">":
      case "|":
      case ",":
      case "]":
      case "}":
      case "?":
      case ":":
        throw notPlain;
      default:
        return this.#plain(at, limit, inFlow);
    }
  }

  #plain(at: number, limit: number, inFlow: boolean): { readonly value: Yaml; readonly end: number } {
    const text = this.#text;
    if (text.charCodeAt(at) === dash && (at + 1 === limit || text.charCodeAt(at + 1) === space)) throw notPlain;
    let end = at;
    for (; end < limit; end++) {
      const code = text.charCodeAt(end);
      if (code === hash && text.charCodeAt(end - 1) === space) break;
      if (code === colon) {
        const after = end + 1 === limit ? space : text.charCodeAt(end + 1);
        if (after === space || (inFlow && (after === 44 || after === 93 || after === 125))) {
          if (inFlow) break;
          throw notPlain;
        }
      }
      if (inFlow && (code === 44 || code === 91 || code === 93 || code === 123 || code === 125)) break;
    }
    let last = end;
    while (last > at && text.charCodeAt(last - 1) === space) last -= 1;
    if (last === at) throw notPlain;
    return { value: resolvePlain(text.slice(at, last)), end: last };
  }

  #doubleQuoted(at: number, limit: number): { readonly value: Yaml; readonly end: number } {
    const text = this.#text;
    let escaped = false;
    for (let end = at + 1; end < limit; end++) {
      const code = text.charCodeAt(end);
      if (code === 92) {
        // Of the many escapes those that patterns and scripts are full of.
        if (!escapes.has(text.charAt(end + 1))) throw notPlain;
        escaped = true;
        end += 1;
      } else if (code === 34) {
        const raw = text.slice(at + 1, end);
        const value = escaped ? raw.replace(/\\(.)/g, (_, letter: string) => escapes.get(letter) ?? letter) : raw;
        return { value, end: end + 1 };
      }
    }
    throw notPlain;
  }

  #singleQuoted(at: number, limit: number): { readonly value: Yaml; readonly end: number } {
    const text = this.#text;
    for (let end = at + 1; end < limit; end++) {
      if (text.charCodeAt(end) !== 39) continue;
      if (text.charCodeAt(end + 1) === 39) {
        end += 1;
        continue;
      }
      return { value: text.slice(at + 1, end).replaceAll("''", "'"), end: end + 1 };
    }
    throw notPlain;
  }

  #skipSpaces(at: number, limit: number): number {
    let end = at;
    while (end < limit && this.#text.charCodeAt(end) === space) end += 1;
    return end;
  }

  /** Brackets open on the line; more than a few are somebody else's to read. */
  #open = 0;

  #flowSequence(at: number, limit: number): { readonly value: Yaml; readonly end: number } {
    if (++this.#open > 20) throw notPlain;
    const items: Yaml[] = [];
    this.#offsets.set(items, at);
    let end = this.#skipSpaces(at + 1, limit);
    while (this.#text.charAt(end) !== "]") {
      const item = this.#inline(end, limit, true);
      items.push(item.value);
      end = this.#skipSpaces(item.end, limit);
      const mark = this.#text.charAt(end);
      if (mark === ",") end = this.#skipSpaces(end + 1, limit);
      else if (mark !== "]") throw notPlain;
      if (end >= limit) throw notPlain;
    }
    this.#open -= 1;
    return { value: items, end: end + 1 };
  }

  #flowMapping(at: number, limit: number): { readonly value: Yaml; readonly end: number } {
    if (++this.#open > 20) throw notPlain;
    const map: YamlMap = Object.create(null);
    this.#offsets.set(map, at);
    let end = this.#skipSpaces(at + 1, limit);
    while (this.#text.charAt(end) !== "}") {
      const key = this.#inline(end, limit, true);
      if (typeof key.value === "object" && key.value !== null) throw notPlain;
      if (key.value === "<<") throw notPlain;
      if (this.#text.charAt(key.end) !== ":") throw notPlain;
      end = this.#skipSpaces(key.end + 1, limit);
      if (end >= limit || this.#text.charAt(end) === "," || this.#text.charAt(end) === "}") throw notPlain;
      const value = this.#inline(end, limit, true);
      map[keyText(key.value, at)] = value.value;
      end = this.#skipSpaces(value.end, limit);
      const mark = this.#text.charAt(end);
      if (mark === ",") end = this.#skipSpaces(end + 1, limit);
      else if (mark !== "}") throw notPlain;
      if (end >= limit) throw notPlain;
    }
    this.#open -= 1;
    return { value: map, end: end + 1 };
  }

  /** `|`, `|-`, `|+`: lines deeper than the block they stand in. */
  #literal(at: number, indent: number): Yaml {
    const header = this.#text.slice(at, this.#end);
    if (header !== "|" && header !== "|-" && header !== "|+") throw notPlain;
    const { lines, endsOpen } = this.#blockLines(indent);
    let kept = lines.length;
    while (kept > 0 && lines[kept - 1] === "") kept -= 1;
    const body = lines.slice(0, kept).join("\n");
    if (header === "|-") return body;
    if (header === "|+") {
      if (endsOpen) throw notPlain;
      return `${lines.join("\n")}\n`;
    }
    if (endsOpen && kept === lines.length) throw notPlain;
    return `${body}\n`;
  }

  /** `>`, `>-`: lines are joined with spaces; an empty line between two is a newline. */
  #folded(at: number, indent: number): Yaml {
    const header = this.#text.slice(at, this.#end);
    if (header !== ">" && header !== ">-") throw notPlain;
    const { lines, endsOpen } = this.#blockLines(indent);
    let body = "";
    let empty = 0;
    for (const line of lines) {
      if (line === "") {
        empty += 1;
        continue;
      }
      // Deeper lines are not folded, and what stands empty before the first is kept.
      if (line.charCodeAt(0) === space || (body === "" && empty > 0)) throw notPlain;
      body += body === "" ? line : empty === 0 ? ` ${line}` : `${"\n".repeat(empty)}${line}`;
      empty = 0;
    }
    if (endsOpen && empty === 0 && header === ">") throw notPlain;
    return header === ">-" ? body : `${body}\n`;
  }

  /** The lines of a block scalar without their indentation, and whether the last lacks its newline. */
  #blockLines(indent: number): { readonly lines: readonly string[]; readonly endsOpen: boolean } {
    const text = this.#text;
    const lines: string[] = [];
    let column = -1;
    let start = this.#next;
    while (start < text.length) {
      let end = text.indexOf("\n", start);
      if (end < 0) end = text.length;
      let first = start;
      while (first < end && text.charCodeAt(first) === space) first += 1;
      if (first === end) {
        // Spaces on a line of their own count for nothing until the column is known, and beyond it they are content.
        if (column < 0 && first - start > indent + 1) throw notPlain;
        lines.push(column >= 0 && first - start > column ? text.slice(start + column, end) : "");
      } else {
        if (first - start <= indent) break;
        if (column < 0) column = first - start;
        if (first - start < column) throw notPlain;
        lines.push(text.slice(start + column, end));
      }
      start = end + 1;
    }
    if (column < 0) throw notPlain;
    const endsOpen = start > text.length;
    this.#next = start;
    this.#advance();
    return { lines, endsOpen };
  }
}
