import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { err, fault, ok, type Result } from "../core/index.ts";
import { type ApiClient, createApiClient } from "./api-client.ts";
import type { CliDependencies, GlobalOptions } from "./context.ts";
import { readLogin } from "./login-file.ts";

export interface Connection {
  readonly client: ApiClient;
  close(): Promise<void>;
}

/** Design 6: `--server` or FAIRLEAD_URL, a stored login, the server of the home, or the home itself, read only. */
export async function connect(deps: CliDependencies, globals: GlobalOptions): Promise<Result<Connection>> {
  const { env } = deps;
  const named = globals.server ?? env["FAIRLEAD_URL"];
  const login = await readLogin(env);
  const local = await localServer(globals.home);
  const nothing = async () => {};
  const over = (url: string, token: string | undefined): Result<Connection> =>
    ok({ client: createApiClient({ url, token, fetch: deps.fetch, readsHome: false }), close: nothing });
  const given = env["FAIRLEAD_TOKEN"];
  if (named !== undefined) {
    if (!URL.canParse(named)) return err(fault("bad-input", `${named} is no address of a server`));
    const adminHere = local?.url === named.replace(/\/+$/, "") ? local.token : undefined;
    return over(named, given ?? login.get(new URL(named).origin) ?? adminHere);
  }
  if (local) return over(local.url, given ?? local.token);
  const [stored] = [...login];
  if (stored && !(await hasHome(globals.home))) return over(stored[0], given ?? stored[1]);
  const home = await deps.readHome(globals.config, globals.home);
  if (!home.ok) return home;
  const client = createApiClient({
    url: "http://127.0.0.1",
    token: undefined,
    fetch: home.value.fetch,
    readsHome: true,
  });
  return ok({ client, close: home.value.close });
}

async function localServer(home: string): Promise<{ url: string; token: string | undefined } | undefined> {
  try {
    const server: { url: string; pid: number } = JSON.parse(await readFile(join(home, "server.json"), "utf8"));
    process.kill(server.pid, 0);
    const token = await readFile(join(home, "admin.token"), "utf8").catch(() => undefined);
    return { url: server.url, token: token?.trim() };
  } catch {
    return undefined;
  }
}

async function hasHome(home: string): Promise<boolean> {
  return (await readFile(join(home, ".gitignore"), "utf8").catch(() => undefined)) !== undefined;
}
