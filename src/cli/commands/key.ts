import type { Command } from "commander";
import { fault } from "../../core/index.ts";
import type { FamilyKey } from "../../proof/index.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

export function addKey(program: Command, context: CommandContext): void {
  const key = program.command("key").description("the family's key, which signs releases");
  const show = key
    .command("show")
    .option("--all", "earlier keys too, without their text")
    .description("the public key as cosign and `fairlead verify --key` take it")
    .addHelpText("after", "\nExample: fairlead key show > family.pub");
  context.action(show, async (options: { all?: boolean }) => {
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const keys = await client.value.get<{ items: readonly FamilyKey[] }>("/keys");
    if (!keys.ok) return context.fail(keys.error);
    const { items } = keys.value;
    if (context.globals().json) {
      context.output.json(keys.value);
      return 0;
    }
    if (options.all === true) {
      const rows = items.map((item) => [
        item.id.slice(0, 12),
        item.revokedFrom === null ? item.state : `revoked from ${item.revokedFrom}`,
        item.custody,
        item.created,
        item.createdBy,
      ]);
      context.output.print(table(["ID", "STATE", "KEPT BY", "CREATED", "BY"], rows));
      return 0;
    }
    const current = items.find((item) => item.state === "current");
    if (!current)
      return context.fail(fault("not-found", "the family has no key", { hint: "fairlead key rotate makes one" }));
    context.output.print(current.publicKey.trim());
    return 0;
  });
  const rotate = key
    .command("rotate")
    .description("signs with a new key from now on; what the old one signed stays trusted")
    .addHelpText("after", "\nExample: fairlead key rotate\nCannot be undone.");
  context.action(rotate, () => act(context, "/keys/rotate", {}, (made) => `${made.id} signs from now on`));
  const revoke = key
    .command("revoke")
    .argument("[key]", "first digits of its id; the current one unless given")
    .requiredOption("--from <date>", "what it signed from then on is trusted no more, unless the record had it before")
    .description("takes trust from a key that got out; the current one is followed by a new one")
    .addHelpText("after", "\nExample: fairlead key revoke --from 2026-11-01\nCannot be undone.");
  context.action(revoke, async (id: string | undefined, options: { from: string }) => {
    const from = new Date(options.from);
    if (Number.isNaN(from.getTime()))
      return context.fail(fault("bad-input", `${options.from} is no date`, { hint: "as 2026-11-01, or with a time" }));
    const body = { from: from.toISOString(), ...(id === undefined ? {} : { key: id }) };
    return await act(
      context,
      "/keys/revoke",
      body,
      (gone) => `${gone.id} is revoked from ${gone.revokedFrom ?? ""} on`,
    );
  });
}

async function act(
  context: CommandContext,
  path: string,
  body: unknown,
  say: (key: FamilyKey) => string,
): Promise<number> {
  const client = await context.client();
  if (!client.ok) return context.fail(client.error);
  const done = await client.value.post<FamilyKey>(path, body);
  if (!done.ok) return context.fail(done.error);
  if (context.globals().json) context.output.json(done.value);
  else context.output.print(say(done.value));
  return 0;
}
