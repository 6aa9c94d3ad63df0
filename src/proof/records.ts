import type { Selectable } from "kysely";
import { z } from "zod";
import type { BuiltImageRow, ProofRow, ReleaseFileRow, ReleaseRow, RunRow, Store, Trx } from "../store/index.ts";
import type { Making, PassedTest, ProvenanceFacts } from "./provenance.ts";

export type StoredProof = Selectable<ProofRow>;
export type ReleaseFile = Selectable<ReleaseFileRow>;
type Release = Selectable<ReleaseRow>;

export async function proofsOfRelease(db: Store["db"], releaseId: string): Promise<readonly StoredProof[]> {
  return await db.selectFrom("proofs").selectAll().where("release_id", "=", releaseId).orderBy("seq").execute();
}

/** All of a release's proof or none: when another process was faster, its own stays. */
export async function keepProofs(
  trx: Trx,
  proofs: readonly Omit<StoredProof, "seq">[],
  files: readonly ReleaseFile[],
): Promise<void> {
  const first = proofs[0];
  if (!first) return;
  const kept = await trx
    .selectFrom("proofs")
    .select("seq")
    .where("release_id", "=", first.release_id)
    .limit(1)
    .executeTakeFirst();
  if (kept) return;
  for (const proof of proofs) await trx.insertInto("proofs").values(proof).execute();
  for (const file of files)
    await trx
      .insertInto("release_files")
      .values(file)
      .onConflict((conflict) => conflict.columns(["release_id", "path"]).doNothing())
      .execute();
}

/** Proof that comes after the rest; what another process kept meanwhile stays. */
export async function addProofs(trx: Trx, proofs: readonly Omit<StoredProof, "seq">[]): Promise<void> {
  for (const proof of proofs)
    await trx
      .insertInto("proofs")
      .values(proof)
      .onConflict((conflict) => conflict.columns(["release_id", "image", "subject_digest", "kind"]).doNothing())
      .execute();
}

export async function releaseToProve(db: Store["db"], id: string): Promise<Release | undefined> {
  return await db.selectFrom("releases").selectAll().where("id", "=", id).executeTakeFirst();
}

export async function imagesToProve(db: Store["db"], runId: string): Promise<readonly Selectable<BuiltImageRow>[]> {
  return await db.selectFrom("built_images").selectAll().where("run_id", "=", runId).orderBy("name").execute();
}

/** Whether the journal holds that the release was verified: nothing else is ever signed. */
export async function wasVerified(db: Store["db"], releaseId: string): Promise<boolean> {
  const entry = await db
    .selectFrom("journal")
    .select("id")
    .where("kind", "=", "verify-release")
    .where("subject", "=", releaseId)
    .where("state", "=", "done")
    .limit(1)
    .executeTakeFirst();
  return entry !== undefined;
}

const makingSchema = z.object({
  by: z.enum(["assembler", "builder", "job"]),
  isolation: z.string(),
  network: z.string(),
  caches: z.string(),
  toolchain: z.record(z.string(), z.string()),
  bases: z.array(z.object({ reference: z.string(), digest: z.string() })),
});

/** How an image was made; `undefined` where nobody wrote it down. */
export function makingOf(image: { readonly making: string }): Making | undefined {
  const parsed = makingSchema.safeParse(JSON.parse(image.making));
  return parsed.success ? parsed.data : undefined;
}

type History = Pick<ProvenanceFacts, "tests" | "notRun" | "approvals" | "run">;

/** What was tested for the commit of a release, on what exactly, and who let what through. */
export async function historyOf(db: Store["db"], release: Release): Promise<History> {
  const { component, commit_id: commit } = release;
  const change = await db
    .selectFrom("changes")
    .selectAll()
    .where("component", "=", component)
    .where("merged_commit", "=", commit)
    .executeTakeFirst();
  const runs = await db
    .selectFrom("runs")
    .selectAll()
    .where("component", "=", component)
    .where((eb) =>
      eb.or([
        eb.and([eb("head", "=", commit), eb("change_number", "is", null)]),
        eb("tested_commit", "=", commit),
        ...(change ? [eb.and([eb("change_number", "=", change.number), eb("head", "=", change.head)])] : []),
      ]),
    )
    .orderBy("finished_at")
    .orderBy("id")
    .limit(1000)
    .execute();
  const own = runs.find((run) => run.id === release.run_id);
  return {
    tests: runs.filter((run) => run.state === "success").map(testOf),
    notRun: runs.flatMap((run) => (run.not_run_need === null ? [] : [{ job: run.job, need: run.not_run_need }])),
    approvals: [
      ...(release.approved_by === null
        ? []
        : [{ what: `release ${release.id}`, by: release.approved_by, reason: release.approved_reason ?? "" }]),
      ...(change?.override_reason
        ? [
            {
              what: `merge of ${component}#${change.number}`,
              by: change.merged_by ?? "",
              reason: change.override_reason,
            },
          ]
        : []),
    ],
    run: own && { id: own.id, started: timeOf(own.started_at), finished: timeOf(own.finished_at) },
  };
}

function testOf(run: Selectable<RunRow>): PassedTest {
  const what =
    run.change_number === null
      ? `the commit that ${run.ref} meant`
      : `${run.component}#${run.change_number} at ${run.head.slice(0, 12)}, merged with ${run.base_sha.slice(0, 12)}`;
  return {
    job: run.job,
    run: run.id,
    finished: timeOf(run.finished_at) ?? "",
    subject: { commit: run.tested_commit ?? run.head, tree: run.tested_tree ?? undefined, what },
    tests: run.tests === null ? null : countsOf(run.tests),
  };
}

function countsOf(text: string): unknown {
  const parsed = z.object({ passed: z.number(), failed: z.number(), skipped: z.number() }).safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : null;
}

function timeOf(at: number | null): string | undefined {
  return at === null ? undefined : new Date(at).toISOString();
}

export async function filesOfRelease(
  db: Store["db"],
  component: string,
  version: string,
): Promise<readonly ReleaseFile[]> {
  return await db
    .selectFrom("release_files")
    .innerJoin("releases", "releases.id", "release_files.release_id")
    .select(["release_files.release_id", "release_files.path", "release_files.digest", "release_files.size"])
    .where("releases.component", "=", component)
    .where("releases.version", "=", version)
    .where("releases.state", "in", ["published", "withdrawn"])
    .orderBy("release_files.path")
    .execute();
}

/** When the record took in an artifact that carries a signed statement. */
export async function storedAt(db: Store["db"], artifact: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("proofs")
    .select("at")
    .where("digest", "=", artifact)
    .orderBy("at")
    .executeTakeFirst();
  return timeOf(row?.at ?? null);
}
