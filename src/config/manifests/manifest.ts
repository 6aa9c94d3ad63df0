import { type Document, isMap, isScalar, LineCounter, parseAllDocuments, type Scalar, visit } from "yaml";
import { err, fault, ok, type Result } from "../../core/index.ts";

/** A file of Kubernetes manifests, parsed; places count from 1. */
export interface Manifest {
  readonly file: string;
  readonly text: string;
  readonly documents: readonly Document.Parsed[];
  placeAt(offset: number): { readonly line: number; readonly column: number };
}

const largestFile = 1024 * 1024;
const template = /\{\{|\$\{/;

/**
 * Fault `bad-input` with its place: not YAML, or a template, which means nothing before it is filled in.
 */
export function readManifest(file: string, text: string): Result<Manifest> {
  const at = (line: number, column: number) => ({ place: { file, line, column } });
  if (text.length > largestFile)
    return err(fault("limit", `${file} is larger than ${largestFile / 1024} KiB`, at(1, 1)));
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: false });
  const documents = "empty" in parsed ? [] : parsed;
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const error = documents.flatMap((document) => document.errors)[0];
  if (error) {
    const offset = error.pos[0];
    const start = text.lastIndexOf("\n", offset - 1) + 1;
    const end = text.indexOf("\n", offset);
    const row = text.slice(start, end < 0 ? undefined : end);
    const templated = template.exec(row) ?? template.exec(text);
    if (templated) {
      const found = template.exec(row) ? start + row.search(template) : templated.index;
      const { line, column } = placeAt(found);
      return err(
        fault("bad-input", `${file} is a template, so what it pins cannot be known`, {
          ...at(line, column),
          hint: "name rendered manifests in `pins:`",
        }),
      );
    }
    const { line, column } = placeAt(offset);
    return err(
      fault("bad-input", `${file} is not YAML: ${error.message.split("\n")[0] ?? error.code}`, {
        ...at(line, column),
        hint: "name only manifests in `pins:`",
      }),
    );
  }
  return ok({ file, text, documents, placeAt });
}

/** Every string under this key, wherever it stands, with the offset of its first character and of the one behind it. */
export function stringsUnder(
  manifest: Manifest,
  key: string,
): readonly { readonly value: string; readonly start: number; readonly end: number }[] {
  const found: { value: string; start: number; end: number }[] = [];
  for (const document of manifest.documents) {
    visit(document, {
      Pair: (_, pair) => {
        if (!isScalar(pair.key) || pair.key.value !== key) return;
        // `{{ value }}` is a map with a map for its key, as far as YAML can tell.
        if (isMap(pair.value) && pair.value.range && manifest.text.startsWith("{{", pair.value.range[0])) {
          const [start, end] = pair.value.range;
          found.push({ value: manifest.text.slice(start, end), start, end });
        }
        if (!isScalar(pair.value)) return;
        const scalar: Scalar = pair.value;
        if (typeof scalar.value !== "string" || !scalar.range) return;
        const quoted = scalar.type === "QUOTE_DOUBLE" || scalar.type === "QUOTE_SINGLE" ? 1 : 0;
        found.push({ value: scalar.value, start: scalar.range[0] + quoted, end: scalar.range[1] - quoted });
      },
    });
  }
  return found;
}
