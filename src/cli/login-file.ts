import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

function loginFile(env: Env): string {
  const folder = env["XDG_CONFIG_HOME"] ?? join(env["HOME"] ?? homedir(), ".config");
  return join(folder, "fairlead", "login.json");
}

/** Tokens by server origin, the newest login first. */
export async function readLogin(env: Env): Promise<ReadonlyMap<string, string>> {
  try {
    const stored: Record<string, string> = JSON.parse(await readFile(loginFile(env), "utf8"));
    return new Map(Object.entries(stored).reverse());
  } catch {
    return new Map();
  }
}

/** Mode 0600. Answers the file. */
export async function storeLogin(env: Env, origin: string, token: string): Promise<string> {
  const file = loginFile(env);
  const others = [...(await readLogin(env))].filter(([known]) => known !== origin).reverse();
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, JSON.stringify(Object.fromEntries([...others, [origin, token]])), { mode: 0o600 });
  await rename(`${file}.new`, file);
  return file;
}
