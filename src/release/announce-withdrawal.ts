import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import type { EffectHandler, Journal } from "../journal/index.ts";
import type { ImageRegistry } from "../oci/index.ts";
import { appendFeed, type Store, type Trx } from "../store/index.ts";
import { publicationSubject, publicationsOf } from "./records.ts";

interface WithdrawalOrder {
  readonly releaseId: string;
  readonly registry: string;
}

const kind = "announce-withdrawal";

/** Part of the transaction that withdrew the release: every registry that has it is told. */
export async function orderWithdrawal(
  journal: Pick<Journal, "write">,
  trx: Trx,
  releaseId: string,
  registries: readonly string[],
): Promise<void> {
  const publications = await publicationsOf(trx, releaseId);
  // What has no images was put everywhere.
  const places = publications.length === 0 ? registries : publications.map((each) => each.registry);
  for (const registry of new Set(places)) {
    const body: WithdrawalOrder = { releaseId, registry };
    await journal.write(trx, { kind, subject: publicationSubject(releaseId, registry), body });
  }
}

/** Puts the statement that a release is not to be used beside its images. A registry that is away is tried again. */
export function withdrawalAnnouncer(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly registries: () => readonly ImageRegistry[];
  readonly announce: (releaseId: string, registry: ImageRegistry) => Promise<Result<void>>;
}): EffectHandler<WithdrawalOrder> {
  const { store } = options;

  async function tell(releaseId: string, state: string, trx: Trx): Promise<void> {
    const release = await trx.selectFrom("releases").select("component").where("id", "=", releaseId).executeTakeFirst();
    await appendFeed(store, trx, [
      { at: options.clock.now(), topic: "release", component: release?.component ?? "", subject: releaseId, state },
    ]);
  }

  return {
    kind,
    perform: async (entry) => {
      const { releaseId, registry: name } = entry.body;
      const registry = options.registries().find((each) => each.name === name);
      if (!registry) return err(fault("refused", `${name} is no release registry any more`));
      const announced = await options.announce(releaseId, registry);
      return announced.ok ? ok((trx) => tell(releaseId, "withdrawn", trx)) : announced;
    },
    onFailure: async (entry, _message, trx) => tell(entry.body.releaseId, "withdrawn", trx),
  };
}
