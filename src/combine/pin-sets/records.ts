import { err, fault, ok, type Result } from "../../core/index.ts";
import type { Store, Trx } from "../../store/index.ts";
import { type PinSet, pinSetId } from "./model.ts";

export interface RecordedPinSet {
  readonly id: string;
  readonly set: PinSet;
  readonly at: number;
}

/** Writes a set down for ever and answers its id; a set that is there already stays as it was. */
export async function recordPinSet(store: Store, set: PinSet, at: number): Promise<string> {
  const id = pinSetId(set);
  await store.transaction((trx) => insertPinSet(trx, id, set, at));
  return id;
}

async function insertPinSet(trx: Trx, id: string, set: PinSet, at: number): Promise<void> {
  const added = await trx
    .insertInto("pin_sets")
    .values({ id, deployment: set.deployment.component, body: JSON.stringify(set), at })
    .onConflict((oc) => oc.column("id").doNothing())
    .executeTakeFirst();
  if ((added.numInsertedOrUpdatedRows ?? 0n) === 0n) return;
  const images = set.components.flatMap((component) =>
    component.images.map((image) => ({
      pin_set_id: id,
      component: component.component,
      commit_id: component.commit,
      version: component.version,
      image: image.name,
      digest: image.digest,
    })),
  );
  if (images.length > 0) await trx.insertInto("pin_set_images").values(images).execute();
}

/** By its id or at least seven digits of it. Faults: `not-found`, `bad-input` for one that is too short or ambiguous. */
export async function findPinSet(db: Store["db"], id: string): Promise<Result<RecordedPinSet>> {
  if (!/^[0-9a-f]{7,64}$/.test(id))
    return err(fault("bad-input", `${JSON.stringify(id.slice(0, 80))} is no pin set`, { hint: "7 to 64 hex digits" }));
  const rows = await db
    .selectFrom("pin_sets")
    .selectAll()
    .where("id", ">=", id)
    .where("id", "<=", `${id}${"f".repeat(64 - id.length)}`)
    .limit(2)
    .execute();
  const [row, another] = rows;
  if (!row) return err(fault("not-found", `there is no pin set ${id}`, { hint: "fairlead pin-sets" }));
  if (another) return err(fault("bad-input", `several pin sets begin with ${id}`, { hint: "write more digits" }));
  return ok({ id: row.id, set: JSON.parse(row.body), at: row.at });
}

/** The newest sets, of one deployment or of all. */
export async function listPinSets(
  db: Store["db"],
  limit: number,
  deployment?: string,
): Promise<readonly RecordedPinSet[]> {
  let query = db.selectFrom("pin_sets").selectAll().orderBy("at", "desc").orderBy("id").limit(limit);
  if (deployment !== undefined) query = query.where("deployment", "=", deployment);
  return (await query.execute()).map((row) => ({ id: row.id, set: JSON.parse(row.body), at: row.at }));
}
