import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { fault } from "../../core/index.ts";
import { createApiClient } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { storeLogin } from "../login-file.ts";

export function addLogin(program: Command, context: CommandContext): void {
  const command = program
    .command("login")
    .argument("<url>")
    .option("--token <token>", "else FAIRLEAD_TOKEN, else read from stdin")
    .description("stores a server and a token for commands, and says how git gets it")
    .addHelpText("after", "\nExample: fairlead login https://fairlead.example.org\nUndo: fairlead token revoke ID");
  context.action(command, async (url: string, options: { token?: string }) => {
    const { deps, output } = context;
    if (!URL.canParse(url)) return context.fail(fault("bad-input", `${url} is no address`));
    const token = (options.token ?? deps.env["FAIRLEAD_TOKEN"] ?? (await text(process.stdin))).trim();
    const client = createApiClient({ url, token, fetch: deps.fetch, readsHome: false });
    const who = await client.get<{ user: string; role: string }>("/whoami");
    if (!who.ok) return context.fail(who.error);
    const { origin } = new URL(url);
    const file = await storeLogin(deps.env, origin, token);
    if (context.globals().json) output.json({ url: origin, ...who.value });
    else {
      output.print(`${who.value.user}, ${who.value.role} at ${origin}; stored in ${file}`);
      output.print(
        `for git: git config --global credential.${origin}.helper store, then push once with the token as the password`,
      );
    }
    return 0;
  });
}
