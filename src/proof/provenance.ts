/** SLSA 1.0: predicate type of a provenance. */
export const provenancePredicate = "https://slsa.dev/provenance/v1";

/** How cosign says in a statement that somebody signs an image and nothing more. */
export const signaturePredicate = "https://sigstore.dev/cosign/sign/v1";

/** What the provenance of ours says it is about; changes with what its parameters mean. */
/** Says that a release is not to be used; its predicate has `reason`, `withdrawnBy` and `withdrawnAt`. */
export const withdrawalPredicate = "urn:fairlead:withdrawal:v1";
export const buildType = "urn:fairlead:release:v1";

export interface Subject {
  readonly name: string;
  /** By algorithm: `sha256`, or `gitCommit` for a release without images. */
  readonly digest: Readonly<Record<string, string>>;
}

/** How the images of a run were made and what was in force, as the supervisor saw it. */
export interface Making {
  /** `assembler` and `builder` made them from what the job left; `job`: its own script pushed them. */
  readonly by: "assembler" | "builder" | "job";
  readonly isolation: string;
  readonly network: string;
  readonly caches: string;
  readonly toolchain: Readonly<Record<string, string>>;
  readonly bases: readonly { readonly reference: string; readonly digest: string }[];
}

/** A test that passed, and what it was run on: claimed for that and nothing else. */
export interface PassedTest {
  readonly job: string;
  readonly run: string;
  readonly finished: string;
  readonly subject: { readonly commit: string; readonly tree: string | undefined; readonly what: string };
  readonly tests: unknown;
}

export interface ProvenanceFacts {
  readonly subjects: readonly Subject[];
  readonly component: string;
  /** A release of a tag and files. */
  readonly withoutImages: boolean;
  readonly repository: string;
  readonly version: string;
  readonly commit: string;
  readonly tagObject: string;
  readonly configHash: string;
  readonly findingsHash: string;
  readonly program: string;
  readonly run:
    | { readonly id: string; readonly started: string | undefined; readonly finished: string | undefined }
    | undefined;
  /** `undefined`: nobody wrote down how, so nothing is claimed about it. */
  readonly making: Making | undefined;
  readonly goVersions: readonly string[];
  readonly tests: readonly PassedTest[];
  /** Checks that were required, and were not run where the release was made. */
  readonly notRun: readonly { readonly job: string; readonly need: string }[];
  readonly approvals: readonly { readonly what: string; readonly by: string; readonly reason: string }[];
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
  /** Head of the record when the statement was made. */
  readonly record: { readonly entries: number; readonly head: string };
}

/** In-toto Statement v1 with an SLSA 1.0 provenance. The same facts make the same bytes. */
export function provenanceStatement(facts: ProvenanceFacts) {
  const { making, run } = facts;
  const source = {
    uri: `git+${facts.repository}@refs/tags/${facts.version}`,
    digest: { gitCommit: facts.commit },
  };
  const claims = making !== undefined && making.by !== "job";
  const bases = claims
    ? making.bases.map((base) => ({
        uri: `oci://${base.reference}`,
        digest: { sha256: base.digest.replace("sha256:", "") },
      }))
    : [];
  return statement(facts.subjects, provenancePredicate, {
    buildDefinition: {
      buildType,
      externalParameters: { component: facts.component, repository: facts.repository, tag: facts.version },
      internalParameters: {
        tagObject: facts.tagObject,
        configuration: facts.configHash,
        findings: facts.findingsHash,
        ...(making ? { madeBy: making.by, toolchain: making.toolchain } : {}),
        goVersions: facts.goVersions,
      },
      // What a job's own script made and pushed was seen by nobody: its materials are not known.
      resolvedDependencies: claims || facts.withoutImages ? [source, ...bases] : [],
    },
    runDetails: {
      builder: { id: builderId(making), version: { fairlead: facts.program.replace(/^fairlead /, "") } },
      metadata: {
        ...(run ? { invocationId: `urn:fairlead:run:${run.id}` } : {}),
        ...(run?.started === undefined ? {} : { startedOn: run.started }),
        ...(run?.finished === undefined ? {} : { finishedOn: run.finished }),
      },
      byproducts: facts.files.map((file) => ({ name: file.path, digest: { sha256: file.sha256 } })),
    },
    fairlead_commit: facts.commit,
    fairlead_tests: facts.tests,
    fairlead_notRun: facts.notRun,
    fairlead_approvals: facts.approvals,
    fairlead_record: facts.record,
  });
}

/** Whoever trusts a builder trusts how it shut the job in: so that is part of its name. */
export function builderId(making: Making | undefined): string {
  if (!making) return "urn:fairlead:builder:unknown";
  const query = new URLSearchParams({
    isolation: making.isolation,
    network: making.network,
    caches: making.caches,
  });
  return `urn:fairlead:builder:${making.by}?${query.toString()}`;
}

/** In-toto Statement v1. */
export function statement(subject: readonly Subject[], predicateType: string, predicate: unknown) {
  return { _type: "https://in-toto.io/Statement/v1", subject, predicateType, predicate } as const;
}
