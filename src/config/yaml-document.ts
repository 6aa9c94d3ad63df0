import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { type Diagnostic, didYouMean } from "./diagnostics.ts";

const largestFile = 1024 * 1024;

export interface PlacedValue<T> {
  readonly value: T | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** Position of the value at a path, or of its nearest ancestor. */
  placeOf(path: readonly PropertyKey[]): { readonly line: number; readonly column: number };
}

/**
 * Reads YAML, checks it against a schema and says for each fault where in the file it stands. Aliases are bounded, keys
 * are unique, and unknown ones are errors: a typing mistake never becomes a default.
 */
export function readYaml<T>(file: string, text: string, schema: z.ZodType<T>): PlacedValue<T> {
  const start = { line: 1, column: 1 };
  const said = (message: string, code: string, hint?: string): PlacedValue<T> => ({
    value: undefined,
    diagnostics: [{ severity: "error", code, file, ...start, message, hint }],
    placeOf: () => start,
  });
  if (text.length > largestFile) return said(`is larger than ${largestFile / 1024} KiB`, "too-large");
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true });
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (document.errors.length > 0) {
    return {
      value: undefined,
      placeOf: () => start,
      diagnostics: document.errors.slice(0, 20).map((error) => ({
        severity: "error",
        code: error.code.toLowerCase().replaceAll("_", "-"),
        file,
        ...placeAt(error.pos[0]),
        message: error.message.split("\n")[0] ?? error.code,
        hint: error.code === "DUPLICATE_KEY" ? "each name may stand once" : undefined,
      })),
    };
  }

  function offsetOf(path: readonly PropertyKey[], atKey: boolean): number {
    let node: unknown = document.contents;
    let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
    for (const [index, part] of path.entries()) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
        if (!isPair(pair)) break;
        const last = index === path.length - 1;
        const spot = last && atKey ? pair.key : (pair.value ?? pair.key);
        const place = isNode(spot) && spot.range ? spot : pair.key;
        offset = isNode(place) ? (place.range?.[0] ?? offset) : offset;
        node = pair.value;
      } else {
        const key = typeof part === "symbol" ? String(part) : part;
        node = isNode(node) && "get" in node && typeof node.get === "function" ? node.get(key, true) : undefined;
        if (!isNode(node)) break;
        offset = node.range?.[0] ?? offset;
      }
    }
    return offset;
  }

  let plain: unknown;
  try {
    plain = document.toJS({ maxAliasCount: 100 });
  } catch {
    return said("uses more aliases than can be read safely", "aliases", "write the values out");
  }
  if (plain === null || plain === undefined) return said("is empty", "empty", "see the README for a first family file");
  const parsed = schema.safeParse(plain);
  const placeOf = (path: readonly PropertyKey[]) => placeAt(offsetOf(path, false));
  if (parsed.success) return { value: parsed.data, diagnostics: [], placeOf };
  const diagnostics = parsed.error.issues.flatMap((issue): Diagnostic[] => {
    if (issue.code === "unrecognized_keys") {
      const known = knownKeys(schema, issue.path);
      return issue.keys.map((key) => ({
        severity: "error",
        code: "unknown-key",
        file,
        ...placeAt(offsetOf([...issue.path, key], true)),
        message: `${[...issue.path, key].map(String).join(".")} is not known`,
        hint: didYouMean(key, known) ?? (known.length > 0 ? `known here: ${known.join(", ")}` : undefined),
      }));
    }
    const missing = issue.code === "invalid_type" && valueAt(plain, issue.path) === undefined;
    const name = issue.path.map(String).join(".") || "the file";
    return [
      {
        severity: "error",
        code: missing ? "missing" : "invalid",
        file,
        ...placeAt(offsetOf(missing ? issue.path.slice(0, -1) : issue.path, false)),
        message: missing ? `${name} is missing` : `${name}: ${shown(valueAt(plain, issue.path))}${issue.message}`,
      },
    ];
  });
  return { value: undefined, diagnostics: diagnostics.slice(0, 100), placeOf };
}

function valueAt(plain: unknown, path: readonly PropertyKey[]): unknown {
  let value = plain;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.entries(value).find(([key]) => key === String(part))?.[1];
  }
  return value;
}

function shown(value: unknown): string {
  if (value === undefined || (typeof value === "object" && value !== null)) return "";
  return `${JSON.stringify(value)?.slice(0, 80)}: `;
}

/** Names that the object schema at a path knows, through records, optionals and unions. */
function knownKeys(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  const inner = unwrapped(schema);
  if (typeof inner !== "object" || inner === null) return [];
  const shape = "shape" in inner && typeof inner.shape === "object" && inner.shape !== null ? inner.shape : undefined;
  const [first, ...rest] = path;
  if (first === undefined) return shape ? Object.keys(shape) : [];
  if (shape) return knownKeys(Object.entries(shape).find(([key]) => key === String(first))?.[1], rest);
  if ("valueType" in inner) return knownKeys(inner.valueType, rest);
  if ("element" in inner) return knownKeys(inner.element, rest);
  return [];
}

function unwrapped(schema: unknown): unknown {
  let inner = schema;
  while (typeof inner === "object" && inner !== null && "unwrap" in inner && typeof inner.unwrap === "function")
    inner = inner.unwrap();
  return inner;
}
