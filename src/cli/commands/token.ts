import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

interface TokenItem {
  readonly id: string;
  readonly user: string;
  readonly role: string;
  readonly components?: readonly string[];
  readonly created: string;
  readonly expires?: string;
  readonly revoked?: string;
  readonly lastUsed?: string;
}

interface CreateOptions {
  readonly user: string;
  readonly role: string;
  readonly component?: string[];
  readonly expires?: string;
}

export function addToken(program: Command, context: CommandContext): void {
  const token = program.command("token").description("access: one token for the API, git and the registry");
  const create = token
    .command("create")
    .requiredOption("--user <name>")
    .requiredOption("--role <role>", "reader, contributor, maintainer or administrator")
    .option("--component <name...>", "of which components a maintainer")
    .option("--expires <duration>", "for example 2160h")
    .description("makes a token; its secret is told once")
    .addHelpText(
      "after",
      "\nExample: fairlead token create --user ann --role maintainer --component greeter\nUndo: fairlead token revoke ID",
    );
  context.action(create, async (options: CreateOptions) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const { user, role, component: components, expires } = options;
    const hours = expires?.replace(/^(\d+)d$/, (_, days: string) => `${Number(days) * 24}h`);
    const made = await client.value.post<{ token: string; id: string }>("/tokens", {
      user,
      role,
      components,
      expires: hours,
    });
    if (!made.ok) return context.fail(made.error);
    if (context.globals().json) context.output.json(made.value);
    else context.output.print(`${made.value.token}\n(id ${made.value.id}; it is not shown again)`);
    return 0;
  });
  const list = token.command("list").description("all tokens, never their secrets");
  context.action(list, async () => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const tokens = await client.value.get<{ items: readonly TokenItem[] }>("/tokens");
    if (!tokens.ok) return context.fail(tokens.error);
    if (context.globals().json) {
      context.output.json(tokens.value);
      return 0;
    }
    const rows = tokens.value.items.map((item) => [
      item.id,
      item.user,
      item.role,
      item.components?.join(",") ?? "all",
      item.revoked === undefined ? (item.expires ?? "never") : "revoked",
      item.lastUsed ?? "never used",
    ]);
    context.output.print(table(["ID", "USER", "ROLE", "COMPONENTS", "EXPIRES", "LAST USED"], rows));
    return 0;
  });
  const revoke = token
    .command("revoke")
    .argument("<id>")
    .description("ends a token at once")
    .addHelpText("after", "\nExample: fairlead token revoke 1f2e3d\nCannot be undone.");
  context.action(revoke, async (id: string) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const done = await client.value.delete(`/tokens/${encodeURIComponent(id)}`);
    if (!done.ok) return context.fail(done.error);
    if (context.globals().json) context.output.json(done.value);
    else context.output.print(`${id} is revoked`);
    return 0;
  });
}
