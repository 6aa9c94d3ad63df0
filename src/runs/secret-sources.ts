import { open, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { err, fault, ok, type Result } from "../core/index.ts";
import type { SecretSource } from "../family/index.ts";

/** Where the values of secrets come from. */
export interface Secrets {
  /**
   * Values by key; `undefined`: the family has no secret of that name. `keys`: those that are asked for. Faults:
   * `unavailable` where a value cannot be read.
   */
  read(name: string, keys: readonly string[]): Promise<Result<ReadonlyMap<string, Uint8Array> | undefined>>;
}

const largest = 1024 * 1024;
const mostKeys = 200;

/** Files and variables of this machine, as the family file names them; read anew for each run. */
export function createSecretSources(options: {
  /** Of the family file. */
  readonly folder: string;
  readonly sources: () => Readonly<Record<string, SecretSource>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Secrets {
  async function readKeys(name: string, source: SecretSource): Promise<Result<ReadonlyMap<string, Uint8Array>>> {
    const values = new Map<string, Uint8Array>();
    if ("dir" in source) {
      const folder = resolve(options.folder, source.dir);
      const names = await readdir(folder).catch(() => undefined);
      if (!names) return err(unreadable(name, folder));
      // Kubernetes' own folders of secrets hold `..data`, to which the keys are links.
      for (const key of names.filter((each) => !each.startsWith("..")).sort()) {
        const path = join(folder, key);
        if (!(await stat(path).catch(() => undefined))?.isFile()) continue;
        const value = await readSmall(path);
        if (!value) return err(unreadable(name, path));
        if (values.size >= mostKeys)
          return err(fault("unavailable", `the secret ${name} has more than ${mostKeys} keys`));
        values.set(key, value);
      }
      return ok(values);
    }
    for (const [key, from] of Object.entries(source.keys)) {
      const path = "file" in from ? resolve(options.folder, from.file) : `$${from.env}`;
      const text = "env" in from ? options.env[from.env] : undefined;
      const value = "file" in from ? await readSmall(path) : text === undefined ? undefined : Buffer.from(text);
      if (!value) return err(unreadable(name, path));
      values.set(key, value);
    }
    return ok(values);
  }

  return {
    read: async (name) => {
      const sources = options.sources();
      const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
      return source ? await readKeys(name, source) : ok(undefined);
    },
  };
}

/** What a run gets where nobody's secrets belong: each key that it asks for, with a value that says so. */
export const stubSecrets: Secrets = {
  read: async (name, keys) => ok(new Map(keys.map((key) => [key, Buffer.from(`stub-of-${name}-${key}`)]))),
};

function unreadable(name: string, where: string) {
  return fault("unavailable", `the secret ${name} cannot be read: ${where}`, {
    hint: "mend it where the server runs, or under secrets of the family file",
  });
}

async function readSmall(path: string): Promise<Uint8Array | undefined> {
  const handle = await open(path).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const facts = await handle.stat();
    return facts.isFile() && facts.size <= largest ? await handle.readFile() : undefined;
  } finally {
    await handle.close();
  }
}
