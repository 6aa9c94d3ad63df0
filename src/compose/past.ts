import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { type Diagnostic, readFamilyFile, readPolicyFile, repositoryNames } from "../config/index.ts";
import { err, fault, ok, type Result, systemClock } from "../core/index.ts";
import type { Component, Family } from "../family/index.ts";
import { type BorrowedRepository, borrowRepository, createGit, type Repository } from "../git/index.ts";
import { familyHistory, pastTags, strangerHistory } from "../history/index.ts";
import { type Policy, type PreflightFacts, policyFor } from "../policy/index.ts";
import { homeAt } from "../server/home.ts";
import { familyOrFault, knownRules } from "./family-source.ts";

export interface PastRequest {
  /** A component of the family, the folder of a repository, or an address. */
  readonly subject: string;
  readonly cwd: string;
  readonly config: string;
  readonly home: string;
  /** A repository that is no component is one that pins others. */
  readonly deployment: boolean;
  readonly progress: (line: string) => void;
}

export interface Past {
  readonly repository: string;
  /** All tags, those that are no releases too. */
  readonly tags: number;
  readonly facts: readonly PreflightFacts[];
  /** What the family file says, or nothing. */
  readonly policy: Policy;
}

/** The tags of a repository, each with the facts of its time. Nothing is changed, and nothing of it is run. */
export async function readPast(request: PastRequest): Promise<Result<Past>> {
  const family = await familyAt(request.config);
  if (!family.ok) return family;
  const scratch = await mkdtemp(join(tmpdir(), "fairlead-past-"));
  const library = createLibrary(scratch, request);
  try {
    const component = family.value?.components.find((each) => [each.name, each.repository].includes(request.subject));
    const opened = component
      ? await library.ofComponent(component)
      : await library.at(request.subject.includes("://") ? request.subject : resolve(request.cwd, request.subject));
    if (!opened.ok) return component || family.value === undefined ? opened : orUnknown(opened, request, family.value);
    const repository = opened.value;
    const history =
      component && family.value
        ? familyHistory(
            {
              family: family.value,
              open: async (other) => {
                const there = await library.ofComponent(other);
                return there.ok ? there.value : undefined;
              },
            },
            component,
            repository,
          )
        : strangerHistory(await strangerNamed(request, repository), repository);
    const read = await pastTags(history, (done, all) => {
      if (done % 40 === 0) request.progress(`${done} of ${all} tags`);
    });
    if ("unknown" in read) return err(fault("limit", read.unknown));
    const tags = (await repository.refs()).filter((ref) => ref.name.startsWith("refs/tags/")).length;
    const policy = policyFor(family.value?.policy ?? { all: {}, byComponent: {} }, history.component.name);
    return ok({ repository: component?.repository ?? request.subject, tags, facts: read.value, policy });
  } finally {
    await library.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A name that is neither a component nor a folder was probably meant to be a component. */
function orUnknown(opened: Result<never>, request: PastRequest, family: Family): Result<never> {
  if (opened.ok || /[/.:]/.test(request.subject)) return opened;
  const names = family.components.map((each) => each.name).join(", ");
  return err(
    fault("not-found", `there is no component ${request.subject}, and no such folder`, {
      hint: `components: ${names}`,
    }),
  );
}

/** A repository that no family file describes. */
async function strangerNamed(request: PastRequest, repository: Repository): Promise<Component> {
  const { subject } = request;
  const name = basename(subject.replace(/\/+$/, "")).replace(/\.git$/, "");
  const names = repositoryNames(subject);
  const branch = await repository.defaultBranch();
  const head = branch === undefined ? undefined : await repository.commitOf(`refs/heads/${branch}`);
  const text = head === undefined ? undefined : await repository.readFile(head, ".fairlead.yaml");
  return {
    name,
    repository: subject,
    org: names.ok ? names.value.org : name,
    repo: name,
    kind: request.deployment || /^pins:/m.test(text ?? "") ? "deployment" : "versioned",
    deployed: false,
    images: undefined,
    maintainers: [],
    defaultBranch: undefined,
    supportedLines: 1,
    jobs: {
      env: {},
      optional: [],
      skipBranches: [],
      timeoutMs: 0,
      gracePeriodMs: 0,
      versions: undefined,
      withoutAlpha: false,
    },
  };
}

/** Repositories that were looked at, each once. */
function createLibrary(scratch: string, request: PastRequest) {
  const opened = new Map<string, Promise<Result<Repository>>>();
  const borrowed: BorrowedRepository[] = [];
  const git = createGit({ root: join(scratch, "git"), clock: systemClock });

  async function open(place: string): Promise<Result<Repository>> {
    const path = place.replace(/^file:\/\//, "");
    if (path.startsWith("/")) {
      if (!(await stat(path).catch(() => undefined))?.isDirectory())
        return err(fault("not-found", `there is no folder ${path}`, { hint: "give a component, a folder or a URL" }));
      const found = await borrowRepository(path, scratch, systemClock);
      if (!found.ok) return found;
      borrowed.push(found.value);
      return ok(found.value.repository);
    }
    const repository = await git.open(`past-${opened.size}`);
    request.progress(`reading ${place}`);
    const adopted = await git.adopt(repository, place, request.progress);
    return adopted.ok ? ok(repository) : adopted;
  }

  function at(place: string): Promise<Result<Repository>> {
    let found = opened.get(place);
    if (!found) {
      found = open(place);
      opened.set(place, found);
    }
    return found;
  }

  return {
    at,
    /** As the home has it, else from where it comes. */
    ofComponent: async (component: Component): Promise<Result<Repository>> => {
      const hosted = join(homeAt(request.home, undefined).git, `${component.name}.git`);
      const there = await stat(join(hosted, "HEAD")).catch(() => undefined);
      return await at(there ? hosted : component.repository);
    },
    close: async () => {
      for (const each of borrowed) await each.close();
      git.close();
    },
  };
}

async function familyAt(file: string): Promise<Result<Family | undefined>> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined ? ok(undefined) : familyOrFault(readFamilyFile(file, text, knownRules));
}

/** A policy in a file of its own, or that of a family file. Fault `bad-input` with the place of the first error. */
export async function readPolicy(file: string, component: string): Promise<Result<Policy>> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return err(fault("not-found", `there is no policy at ${file}`));
  if (/^family:/m.test(text)) {
    const family = familyOrFault(readFamilyFile(file, text, knownRules));
    return family.ok ? ok(policyFor(family.value.policy, component)) : family;
  }
  const read = readPolicyFile(file, text, knownRules);
  return read.policy ? ok(policyFor(read.policy, component)) : err(firstOf(read.diagnostics));
}

function firstOf(diagnostics: readonly Diagnostic[]) {
  const [first] = diagnostics;
  if (!first) throw new Error("a policy that cannot be read has an error");
  const { file, line, column, message, hint } = first;
  return fault("bad-input", message, { place: { file, line, column }, hint });
}
