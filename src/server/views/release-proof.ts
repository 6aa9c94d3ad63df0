import type { Kysely, Selectable } from "kysely";
import type { Database, ReleaseRow } from "../../store/index.ts";
import type { ReleaseProofView } from "./model.ts";
import type { ViewSources } from "./sources.ts";
import { iso, shellWord } from "./text.ts";

/** What of a release was signed, by which key, and how anybody checks it; `null` before it was made. */
export async function proofOf(sources: ViewSources, release: Selectable<ReleaseRow>): Promise<ReleaseProofView | null> {
  const rows = await proofRows(sources.db, release.id);
  const [first] = rows;
  if (!first) return null;
  const files = await sources.db
    .selectFrom("release_files")
    .select(["path", "digest", "size"])
    .where("release_id", "=", release.id)
    .orderBy("path")
    .execute();
  const image = rows.find((row) => row.image !== "")?.image ?? release.component;
  const name = sources.imageReference?.(image);
  const reference = name === undefined ? undefined : shellWord(`${name}:${release.version}`);
  const published = ["published", "withdrawn"].includes(release.state);
  return {
    key: first.key_id,
    signed: iso(first.at),
    recordHead: first.record_head,
    statements: rows
      .filter((row) => row.kind !== "files")
      .map((row) => ({ image: row.image, kind: row.kind, subject: row.subject_digest, digest: row.digest })),
    files: files.map((file) => ({
      ...file,
      url: `/files/${[release.component, release.version, ...file.path.split("/")].map(encodeURIComponent).join("/")}`,
    })),
    commands:
      reference === undefined || !published
        ? []
        : [
            `fairlead verify ${reference}`,
            "fairlead key show > family.pub",
            `cosign verify --key family.pub --insecure-ignore-tlog=true ${reference}`,
            `cosign verify-attestation --key family.pub --type slsaprovenance1 --insecure-ignore-tlog=true ${reference}`,
          ],
  };
}

async function proofRows(db: Kysely<Database>, releaseId: string) {
  return await db.selectFrom("proofs").selectAll().where("release_id", "=", releaseId).orderBy("seq").execute();
}
