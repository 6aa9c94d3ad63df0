import { compilePattern, ok, type Result } from "../core/index.ts";
import type { Masking } from "./masking.ts";
import type { ArtifactMasking, LogWriter } from "./model.ts";

/** A log in which secrets are hidden. A line of ours ends what waits, so that lines stay in order. */
export function maskedWriter(log: LogWriter, masking: Masking | undefined): LogWriter {
  if (!masking || masking.empty) return log;
  const output = masking.masker();
  const lines = masking.masker();
  return {
    append: (chunk) => log.append(output.write(chunk)),
    line: (text) => {
      log.append(output.end());
      log.line(Buffer.concat([lines.write(Buffer.from(text)), lines.end()]).toString());
    },
    get size() {
      return log.size;
    },
    close: () => {
      log.append(output.end());
      return log.close();
    },
  };
}

/**
 * Prow: `censoring_options`. Globs are relative to the folder of artifacts (`**`, `*`, `?`); without `include` all files are
 * looked through; `exclude` wins. Faults: `bad-input` for a glob that cannot be used.
 */
export function maskingOfArtifacts(
  masking: Masking,
  globs: { readonly include?: readonly string[] | undefined; readonly exclude?: readonly string[] | undefined } = {},
): Result<ArtifactMasking> {
  const include = anyOf(globs.include ?? ["**"]);
  if (!include.ok) return include;
  const exclude = anyOf(globs.exclude ?? []);
  if (!exclude.ok) return exclude;
  return ok({ masking, applies: (path) => include.value(path) && !exclude.value(path) });
}

function anyOf(globs: readonly string[]): Result<(path: string) => boolean> {
  const tests: ((path: string) => boolean)[] = [];
  for (const glob of globs) {
    const compiled = compilePattern(`^(?:${globAsPattern(glob)})$`);
    if (!compiled.ok) return compiled;
    tests.push((path) => compiled.value.matches(path));
  }
  return ok((path) => tests.some((test) => test(path)));
}

function globAsPattern(glob: string): string {
  return glob.replace(/\*\*\/|\*\*|\*|\?|[^A-Za-z0-9/]/gu, (part) => {
    if (part === "**/") return "(?:.*/)?";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    return part === "?" ? "[^/]" : `\\x{${(part.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
