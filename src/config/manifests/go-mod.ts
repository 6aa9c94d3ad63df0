/** What a `go.mod` asks for, as far as keeping it up to date needs it (Go modules reference, go.mod files). */
export interface GoModule {
  readonly path: string;
  /** Modules that the code itself uses, `// indirect` ones left out. */
  readonly requires: readonly { readonly path: string; readonly version: string }[];
  /** Module paths that are replaced: their versions are not this file's to choose. */
  readonly replaced: ReadonlySet<string>;
}

const mostRequires = 500;

/** `undefined` for a text that names no module. */
export function readGoMod(text: string): GoModule | undefined {
  const requires: { path: string; version: string }[] = [];
  const replaced = new Set<string>();
  let path: string | undefined;
  let block: string | undefined;
  for (const line of text.split("\n")) {
    const [code = "", comment = ""] = line.split("//", 2).map((part) => part.trim());
    if (code === ")") {
      block = undefined;
      continue;
    }
    const words = code.split(/\s+/).filter((word) => word !== "");
    if (words[1] === "(") {
      block = words[0];
      continue;
    }
    const verb = block ?? words[0];
    const rest = (block === undefined ? words.slice(1) : words).map(unquoted);
    if (verb === "module") path = rest[0];
    else if (verb === "replace" && rest[0] !== undefined) replaced.add(rest[0]);
    else if (verb === "require" && rest[0] !== undefined && rest[1] !== undefined && comment !== "indirect")
      requires.push({ path: rest[0], version: rest[1] });
  }
  return path === undefined ? undefined : { path, requires: requires.slice(0, mostRequires), replaced };
}

function unquoted(word: string): string {
  return word.replace(/^["`](.*)["`]$/, "$1");
}

/** One place of a repository that names an exact version of Go. */
export interface GoPlace {
  readonly file: string;
  readonly version: string;
  readonly start: number;
  readonly end: number;
}

const places: readonly { readonly file: RegExp; readonly pattern: RegExp }[] = [
  { file: /^go\.mod$/, pattern: /^toolchain go(\d+\.\d+\.\d+)\s*$/dm },
  { file: /^prow\.sh$/, pattern: /^configvar CSI_PROW_GO_VERSION_BUILD "?(\d+\.\d+\.\d+)"?(?:\s|$)/dm },
  { file: /^\.fairlead\.yaml$/, pattern: /^(?:toolchain:[ \t]*\{[^}\n]*\bgo|[ \t]+go):[ \t]*["']?(\d+\.\d+\.\d+)\b/dm },
];

/** Files in which an exact version of Go may stand. */
export const goFiles = ["go.mod", "prow.sh", ".fairlead.yaml"] as const;

/** Where a file says with which Go it is built: `toolchain` of go.mod, `.fairlead.yaml`, the shared tools of kubernetes-csi. */
export function goPlaceIn(file: string, text: string): GoPlace | undefined {
  for (const place of places) {
    if (!place.file.test(file)) continue;
    const at = place.pattern.exec(text)?.indices?.[1];
    if (at) return { file, version: text.slice(at[0], at[1]), start: at[0], end: at[1] };
  }
  return undefined;
}

/** A base image that a Dockerfile takes by tag and digest. */
export interface BasePin {
  readonly file: string;
  /** `registry.example/base:v1`, without the digest. */
  readonly reference: string;
  readonly digest: string;
  /** Characters of the digest within the file. */
  readonly start: number;
  readonly end: number;
}

/** `FROM name:tag@sha256:…`, and the defaults of ARG that are one; those with a variable in them are left alone. */
export function basePinsIn(file: string, text: string): readonly BasePin[] {
  const pattern =
    /^[ \t]*(?:FROM[ \t]+(?:--platform=\S+[ \t]+)?|ARG[ \t]+\w+=)["']?([^\s"'$@]+:[\w][\w.-]{0,127})@(sha256:[0-9a-f]{64})/dgim;
  return [...text.matchAll(pattern)].flatMap((match) => {
    const at = match.indices?.[2];
    const [, reference, digest] = match;
    return at && reference !== undefined && digest !== undefined
      ? [{ file, reference, digest, start: at[0], end: at[1] }]
      : [];
  });
}

/** A text with other words in some of its places, which do not overlap. */
export function withReplaced(
  text: string,
  edits: readonly { readonly start: number; readonly end: number; readonly to: string }[],
): string {
  const ordered = [...edits].sort((a, b) => b.start - a.start);
  return ordered.reduce((now, edit) => now.slice(0, edit.start) + edit.to + now.slice(edit.end), text);
}
