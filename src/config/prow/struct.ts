import { compilePattern, parseDuration } from "../../core/index.ts";
import type { Json } from "../../jobs/index.ts";
import { scalarText, type Yaml, type YamlMap } from "./yaml-scalars.ts";

export type Path = readonly (string | number)[];

/** Takes down what is wrong at a place of the file being read. */
export interface Complaints {
  error(path: Path, code: string, message: string, hint?: string): void;
  /** Something Fairlead accepts and does not act on: told once with a count. */
  ignored(path: Path, what: string, why: string): void;
}

/**
 * One mapping read the way Go fills a struct (Prow 0): names match in any case, scalars become text where text is
 * wanted, unknown names are ignored, which is told.
 */
export interface Struct {
  readonly path: Path;
  has(name: string): boolean;
  raw(name: string): Yaml | undefined;
  text(name: string): string | undefined;
  bool(name: string): boolean | undefined;
  whole(name: string): number | undefined;
  texts(name: string): readonly string[];
  /** Go's duration syntax; where `nanoseconds`, a whole number too. Milliseconds. */
  duration(name: string, nanoseconds?: boolean): number | undefined;
  /** A pattern that RE2 accepts. */
  pattern(name: string): string | undefined;
  record(name: string): Readonly<Record<string, string>>;
  items(name: string): readonly { readonly value: Yaml; readonly path: Path }[];
  at(name: string): Path;
  wrong(name: string, code: string, message: string, hint?: string): void;
}

const empty: YamlMap = {};

export function structOf(
  value: Yaml | undefined,
  path: Path,
  names: ReadonlySet<string> | undefined,
  complaints: Complaints,
): Struct {
  const map = isMap(value) ? value : empty;
  if (value !== null && value !== undefined && map === empty)
    complaints.error(path, "wrong-type", `${nameOf(path)} wants a mapping, not ${kindOf(value)}`);
  const found = new Map<string, string>();
  for (const key of Object.keys(map)) {
    const name = names === undefined || names.has(key) ? key : inAnyCase(names, key);
    if (name === undefined)
      complaints.ignored([...path, key], `unknown-key:${key}`, "Prow does not know this key either");
    else if (!found.has(name) || key === name) found.set(name, key);
  }
  const raw = (name: string): Yaml | undefined => {
    const key = found.get(name);
    const inner = key === undefined ? undefined : map[key];
    return inner === null ? undefined : inner;
  };
  const at = (name: string): Path => [...path, found.get(name) ?? name];
  const wrong = (name: string, code: string, message: string, hint?: string) =>
    complaints.error(at(name), code, message, hint);
  const mistyped = (name: string, wanted: string, inner: Yaml): undefined => {
    wrong(name, "wrong-type", `${name} wants ${wanted}, not ${kindOf(inner)}`);
    return undefined;
  };
  const text = (name: string): string | undefined => {
    const inner = raw(name);
    if (inner === undefined) return undefined;
    return isScalar(inner) ? scalarText(inner) : mistyped(name, "text", inner);
  };
  return {
    path,
    at,
    raw,
    text,
    wrong,
    has: (name) => raw(name) !== undefined,
    bool: (name) => {
      const inner = raw(name);
      if (inner === undefined || typeof inner === "boolean") return inner;
      return mistyped(name, "true or false", inner);
    },
    whole: (name) => {
      const inner = raw(name);
      if (inner === undefined) return undefined;
      return typeof inner === "number" && Number.isSafeInteger(inner) ? inner : mistyped(name, "a whole number", inner);
    },
    texts: (name) => {
      const inner = raw(name);
      if (inner === undefined) return [];
      if (!Array.isArray(inner)) {
        mistyped(name, "a list", inner);
        return [];
      }
      return inner.map((item) => {
        if (item !== null && isScalar(item)) return scalarText(item);
        mistyped(name, "a list of texts", item);
        return "";
      });
    },
    duration: (name, nanoseconds = false) => {
      const inner = raw(name);
      if (inner === undefined) return undefined;
      if (nanoseconds && typeof inner === "number" && Number.isInteger(inner)) return inner / 1e6;
      const parsed = parseDuration(text(name) ?? "");
      if (parsed.ok && !/\d+d/.test(text(name) ?? "")) return parsed.value;
      wrong(name, "bad-duration", `${name}: ${shown(inner)} is no duration`, "write it like 90m, 1h30m or 1.5h");
      return undefined;
    },
    pattern: (name) => {
      const source = text(name);
      if (source === undefined || source === "") return undefined;
      const compiled = compilePattern(source);
      if (!compiled.ok) wrong(name, "bad-pattern", `${name}: ${compiled.error.message}`);
      return source;
    },
    record: (name) => {
      const inner = raw(name);
      if (inner === undefined) return {};
      if (!isMap(inner)) {
        mistyped(name, "a mapping", inner);
        return {};
      }
      const made: Record<string, string> = {};
      for (const key of Object.keys(inner)) {
        const item = inner[key] ?? null;
        if (isScalar(item)) set(made, key, scalarText(item));
        else {
          if (item !== null) mistyped(name, "texts", item);
          set(made, key, "");
        }
      }
      return made;
    },
    items: (name) => {
      const inner = raw(name);
      if (inner === undefined) return [];
      if (!Array.isArray(inner)) {
        mistyped(name, "a list", inner);
        return [];
      }
      return inner.map((item, index) => ({ value: item, path: [...at(name), index] }));
    },
  };
}

/** As a member of its own, whatever it is called. */
function set(into: Record<string, string>, key: string, value: string): void {
  if (key === "__proto__") Object.defineProperty(into, key, { value, enumerable: true, writable: true });
  else into[key] = value;
}

function inAnyCase(names: ReadonlySet<string>, key: string): string | undefined {
  const lower = key.toLowerCase();
  return [...names].find((known) => known.toLowerCase() === lower);
}

export function isMap(value: Yaml | undefined): value is YamlMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isScalar(value: Yaml): value is boolean | number | string {
  return value !== null && typeof value !== "object";
}

export function kindOf(value: Yaml | undefined): string {
  if (Array.isArray(value)) return "a list";
  if (isMap(value)) return "a mapping";
  return value === null || value === undefined ? "nothing" : shown(value);
}

function shown(value: Yaml): string {
  return JSON.stringify(value)?.slice(0, 80) ?? "nothing";
}

function nameOf(path: Path): string {
  return String(path.at(-1) ?? "the file");
}

/** Plain JSON of what was read. */
export function jsonOf(value: Yaml): Json {
  if (Array.isArray(value)) return value.map(jsonOf);
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
