import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { err, fault, ok, type Result } from "../../core/index.ts";
import { type FamilyKey, keyIdOf, type RecordWitness, type TrustedKey } from "../../proof/index.ts";
import { type ApiClient, query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";
import { table } from "../output.ts";

interface VerifyOptions {
  readonly key?: string[];
  readonly record?: boolean;
}

interface RecordAnswer {
  readonly ok: boolean;
  readonly entries: number;
  readonly head: string;
  readonly unsealed: number;
  readonly detail: string;
}

export function addVerify(program: Command, context: CommandContext): void {
  const command = program
    .command("verify")
    .argument("[image]", "host/family/image:tag or @digest, at any registry")
    .option("--key <file...>", "trust these public keys (PEM) alone; nothing but the registry is asked then")
    .option("--record", "checks the family's own record: every link of its hash chain")
    .description(
      "checks an image's bytes, signature, provenance, labels, SBOM and record; says no without a key to trust",
    )
    .addHelpText("after", "\nExample: fairlead verify 127.0.0.1:7070/sample/greeter:v1.0.0 --key family.pub");
  context.action(command, async (image: string | undefined, options: VerifyOptions) => {
    if (options.record === true) return await verifyRecord(context);
    if (image === undefined) return context.fail(fault("bad-input", "name an image, or say --record"));
    const trust = await trusted(context, options.key);
    if (!trust.ok) return context.fail(trust.error);
    const verified = await context.deps.verify(image, trust.value.keys, trust.value.witness);
    if (!verified.ok) return context.fail(verified.error);
    const { output } = context;
    if (context.globals().json) output.json(verified.value);
    else {
      const { checks, unchecked } = verified.value;
      output.print(`${image}\n${verified.value.digest ?? ""}`);
      const rows = checks.map(({ check, ok: good, detail }) => [good ? "✓" : "✗", check, detail]);
      output.print(
        table(
          ["", "CHECK", ""],
          [...rows, ...unchecked.map(({ check, reason }) => ["–", check, `not checked: ${reason}`])],
        ),
      );
      output.print(verified.value.ok ? output.paint("green", "verified") : output.paint("red", "NOT verified"));
    }
    return verified.value.ok ? 0 : 1;
  });
}

async function verifyRecord(context: CommandContext): Promise<number> {
  const client = await context.client();
  if (!client.ok) return context.fail(client.error);
  const record = await client.value.get<RecordAnswer>("/record");
  if (!record.ok) return context.fail(record.error);
  const { ok: good, detail, head, unsealed } = record.value;
  if (context.globals().json) context.output.json(record.value);
  else {
    context.output.print(`${good ? "✓" : "✗"} ${detail}`);
    context.output.print(`head ${head}; ${unsealed} newer rows join with the next release`);
  }
  return good ? 0 : 1;
}

interface Trust {
  readonly keys: readonly TrustedKey[];
  readonly witness: RecordWitness | undefined;
}

/** The keys that were named, or those of the family whose server or home is at hand; none is an answer too. */
async function trusted(context: CommandContext, files: readonly string[] | undefined): Promise<Result<Trust>> {
  if (files) {
    const keys: TrustedKey[] = [];
    for (const file of files) {
      const pem = await readFile(resolve(context.deps.cwd, file), "utf8").catch(() => undefined);
      if (pem === undefined) return err(fault("bad-input", `there is no file ${file}`));
      const id = keyIdOf(pem);
      if (!id.ok) return err({ ...id.error, message: `${file}: ${id.error.message}` });
      keys.push({ id: id.value, publicKey: pem });
    }
    return ok({ keys, witness: undefined });
  }
  const client = await context.client();
  const listed = client.ok ? await client.value.get<{ items: readonly FamilyKey[] }>("/keys") : client;
  if (!listed.ok || !client.ok) return ok({ keys: [], witness: undefined });
  return ok({ keys: listed.value.items, witness: witnessOf(client.value) });
}

function witnessOf(client: ApiClient): RecordWitness {
  return {
    storedAt: async (artifact) => {
      const found = await client.get<{ at: string }>(`/proofs/${encodeURIComponent(artifact)}`);
      if (!found.ok && found.error.code === "not-found") return ok(undefined);
      return found.ok ? ok(found.value.at) : found;
    },
    holds: (head) => client.get<RecordAnswer>(`/record${query({ head })}`),
  };
}
