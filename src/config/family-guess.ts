import { commandsOf, type RevisionFiles } from "./conventions.ts";

/** What `fairlead init` found in one repository. */
export interface RepositoryFinding {
  readonly url: string;
  readonly component: string;
  readonly commits: number;
  readonly tags: readonly string[];
  readonly defaultBranch: string | undefined;
  readonly files: RevisionFiles;
}

interface Guess {
  readonly value: string;
  readonly why: string;
}

/** Writes a family file with a comment on every guess. Reads files only; nothing of a repository is run. */
export async function guessFamily(
  family: Guess,
  findings: readonly RepositoryFinding[],
): Promise<{ readonly text: string; readonly kinds: Readonly<Record<string, string>> }> {
  const guesses = await Promise.all(findings.map(async (finding) => ({ finding, ...(await guessComponent(finding)) })));
  const lines = [
    "# Written by `fairlead init`. Every guess has its reason beside it; change what is wrong, then: fairlead check",
    `family: ${family.value}   # ${family.why}`,
    "forge:",
    "  local: {}   # each repository is read once from its URL and never written there; from then on Fairlead hosts it",
    "components:",
    ...guesses.flatMap(({ finding, kind, images }) => [
      `  ${finding.component}:`,
      `    repository: ${quoted(finding.url)}   # ${finding.commits.toLocaleString("en")} commits, ${finding.tags.length.toLocaleString("en")} tags`,
      `    kind: ${kind.value}   # ${kind.why}`,
      ...(images ? [`    images: [${images.value}]   # ${images.why}`] : []),
      "    maintainers: []   # user names of tokens; empty: every token with the role maintainer",
    ]),
    ...(guesses.length === 0 ? ["  {}   # fairlead init URL… fills this in"] : []),
    "registries:",
    "  canary: builtin",
    "  release: [builtin]   # more: host/path; every one gets the same digests",
    "kubernetes:",
    "  cluster: none   # tests on Kubernetes are opted out, and every page says so",
    "",
  ];
  return {
    text: lines.join("\n"),
    kinds: Object.fromEntries(guesses.map(({ finding, kind }) => [finding.component, kind.value])),
  };
}

async function guessComponent(finding: RepositoryFinding): Promise<{ kind: Guess; images: Guess | undefined }> {
  const makefile = (await finding.files.read("Makefile")) ?? "";
  const commands = commandsOf(makefile);
  const pinned = await foreignPins(finding.files, commands);
  const versions = finding.tags.filter((tag) => /^v\d+\.\d+\.\d+/.test(tag));
  const images: Guess | undefined =
    commands.length > 0
      ? { value: commands.join(", "), why: "CMDS of its Makefile" }
      : /^\s*CMDS\s*[:?]?=/m.test(makefile)
        ? { value: "", why: "CMDS of its Makefile is empty: a library" }
        : undefined;
  if (pinned.length >= 3 && commands.length > 0) {
    const why = `files below deploy/ name ${pinned.length} images of others by version: ${pinned.join(", ")}`;
    return { kind: { value: "deployment", why }, images };
  }
  if (versions.length > 0)
    return { kind: { value: "versioned", why: `${versions.length.toLocaleString("en")} version tags` }, images };
  if (finding.tags.length === 0 && finding.commits > 20 && commands.length === 0)
    return { kind: { value: "internal", why: "no tag in its whole history and no images" }, images: undefined };
  return { kind: { value: "versioned", why: "no reason to think otherwise" }, images };
}

/**
 * Images of others that files below deploy/ name by version. A component that shows how to start it names itself and one
 * or two more; one that pins a family names many.
 */
async function foreignPins(files: RevisionFiles, own: readonly string[]): Promise<readonly string[]> {
  const paths = (await files.list("deploy")).filter((path) => /\.ya?ml$/.test(path)).slice(0, 100);
  const names = new Set<string>();
  for (const path of paths)
    for (const [, name] of ((await files.read(path)) ?? "").matchAll(
      /^\s*(?:-\s*)?image:\s*["']?(?:\S*\/)?([a-z0-9._-]+):v\d+\.\d+\.\d+/gm,
    ))
      if (name !== undefined && !own.includes(name)) names.add(name);
  return [...names].sort();
}

function quoted(text: string): string {
  return /^[A-Za-z0-9:/._@~%+-]+$/.test(text) ? text : JSON.stringify(text);
}
