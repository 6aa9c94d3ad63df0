import { join } from "node:path";
import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import type { Component, Family, ReleaseConfiguration } from "../family/index.ts";
import type { Git } from "../git/index.ts";
import type { BlobStore } from "../oci/index.ts";
import { createKeyring, createProver, createWithdrawalAnnouncer } from "../proof/index.ts";
import type { Store } from "../store/index.ts";
import { version } from "../version.ts";

const largestFile = 16 * 1024 * 1024;

/** The family's keys and what signs with them. */
export function composeProof(options: {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly git: Git;
  readonly family: () => Family;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly repositoryOf: (name: string) => string;
  readonly configurationAt: (component: Component, commit: string) => Promise<Result<ReleaseConfiguration>>;
}) {
  const { family, env } = options;
  const passphrase = env["FAIRLEAD_KEY_PASSPHRASE"];
  const keyring = createKeyring({
    store: options.store,
    clock: options.clock,
    folder: join(options.home, "keys"),
    passphrase: passphrase === "" ? undefined : passphrase,
    outside: async () => ok(family().signing),
  });
  const componentNamed = (name: string) => family().components.find((each) => each.name === name);

  const prover = createProver({
    store: options.store,
    blobs: options.blobs,
    clock: options.clock,
    keyring,
    program: `fairlead ${version}`,
    repositoryOf: options.repositoryOf,
    sourceOf: (component) => componentNamed(component)?.repository ?? component,
    filesOf: async (name, commit) => {
      const component = componentNamed(name);
      if (!component) return ok([]);
      const configuration = await options.configurationAt(component, commit);
      // A library needs no release configuration at all.
      if (!configuration.ok) return ok([]);
      const repository = await options.git.open(name);
      const files: { readonly path: string; readonly bytes: Uint8Array }[] = [];
      for (const path of configuration.value.files) {
        const bytes = await repository.readBytes(commit, path, largestFile);
        if (bytes === undefined)
          return err(
            fault(
              "refused",
              `${configuration.value.origin} publishes ${path}, which is no file of at most 16 MiB in ${commit.slice(0, 12)}`,
            ),
          );
        files.push({ path, bytes });
      }
      return ok(files);
    },
  });
  const { store, blobs, clock, repositoryOf } = options;
  return {
    keyring,
    prover,
    announceWithdrawal: createWithdrawalAnnouncer({ store, blobs, clock, keyring, repositoryOf }),
  };
}
