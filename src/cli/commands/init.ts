import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { guessFamily, type RepositoryFinding, repositoryNames } from "../../config/index.ts";
import { fault } from "../../core/index.ts";
import type { CommandContext } from "../context.ts";

export function addInit(program: Command, context: CommandContext): void {
  const command = program
    .command("init")
    .argument("[url...]", "any git URL, file:// included")
    .option("--family <name>", "its name; else the organisation of the URLs")
    .description("writes a family file with a comment on every guess; runs nothing of a repository")
    .addHelpText(
      "after",
      "\nExample: fairlead init https://github.com/kubernetes-csi/node-driver-registrar\nUndo: remove the file; nothing else is written.",
    );
  context.action(command, async (urls: string[], options: { family?: string }) => {
    const { config, json } = context.globals();
    const { output, deps } = context;
    const findings: RepositoryFinding[] = [];
    const closing: (() => Promise<void>)[] = [];
    try {
      for (const url of urls) {
        const names = repositoryNames(url);
        if (!names.ok) return context.fail(names.error);
        output.progress(`reading ${url} …`);
        const inspected = await deps.inspect(url, (line) => output.progress(`  ${line}`));
        if (!inspected.ok) return context.fail(inspected.error);
        closing.push(inspected.value.close);
        const { finding } = inspected.value;
        if (findings.some((other) => other.component === finding.component))
          return context.fail(fault("bad-input", `two repositories would be called ${finding.component}`));
        findings.push(finding);
        output.progress(
          `  ${finding.commits.toLocaleString("en")} commits, ${finding.tags.length.toLocaleString("en")} tags: adopted, not rebuilt; upstream is never written`,
        );
      }
      const { text, kinds } = await guessFamily(familyName(options.family, urls), findings);
      const written = await writeFile(config, text, { flag: "wx" }).then(
        () => true,
        () => false,
      );
      if (!written)
        return context.fail(
          fault("refused", `${config} exists already, and is never overwritten`, {
            hint: "move it away, or write another with --config FILE",
          }),
        );
      if (json) {
        const items = findings.map(({ component, url, commits, tags }) => ({
          component,
          url,
          commits,
          tags: tags.length,
          kind: kinds[component],
        }));
        output.json({ file: config, components: items });
      } else {
        for (const { component } of findings) output.print(`${component}: ${kinds[component]}`);
        output.print(`wrote ${config}; read its comments, then: fairlead check`);
      }
      return 0;
    } finally {
      for (const close of closing) await close();
    }
  });
}

function familyName(
  given: string | undefined,
  urls: readonly string[],
): { readonly value: string; readonly why: string } {
  if (given !== undefined) return { value: given, why: "as given" };
  const first = urls[0] === undefined ? undefined : repositoryNames(urls[0]);
  const org = first?.ok
    ? first.value.org
        .toLowerCase()
        .replace(/[^a-z0-9-]+/g, "-")
        .replace(/^-+|-+$/g, "")
    : "";
  return org === ""
    ? { value: "family", why: "change it: images are published below this name" }
    : { value: org, why: "the organisation of the first URL; images are published below this name" };
}
