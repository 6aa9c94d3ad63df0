import type { Command } from "commander";
import { err, fault, forOneLine, forTerminal, ok, type Result } from "../../core/index.ts";
import type { Reproduction } from "../../intake/index.ts";
import { query } from "../api-client.ts";
import type { CommandContext } from "../context.ts";

interface RunOptions {
  readonly change?: string;
  readonly ref?: string;
  readonly run?: string;
  readonly component?: string;
  readonly output?: string;
  readonly unconfined?: boolean;
  readonly shell?: boolean;
}

export function addRun(program: Command, context: CommandContext): void {
  const command = program
    .command("run")
    .argument("<job>")
    .option("--change <numbers>", "merged with its base as it is now; several (1,2,3) as a batch")
    .option("--ref <ref>", "a branch, tag or commit; default: the default branch")
    .option("--run <build>", "exactly what that run tested")
    .option("--component <name>", "where several have a job of that name")
    .option("--output <folder>", "where the results go; default: a folder of temporary files")
    .option("--unconfined", "without a cage where this machine cannot give one")
    .option("--shell", "opens the environment of the run instead, on a terminal of its own")
    .description("does a run here and now, as the server would: the way to reproduce")
    .addHelpText(
      "after",
      "\nExample: fairlead run sample-greeter-pr --change 3\nUndo: nothing is changed; remove the results' folder.",
    );
  context.action(command, async (job: string, options: RunOptions) => {
    const what = whatOf(options);
    if (!what.ok) return context.fail(what.error);
    const client = await context.client();
    if (!client.ok) return context.fail(client.error);
    const { component } = options;
    const found = await client.value.get<Reproduction>(`/reproduction${query({ job, component, ...what.value })}`);
    if (!found.ok) return context.fail(found.error);
    const { output, deps } = context;
    const place = client.value.repositoryOf(found.value.run.component);
    const home = context.globals().home;
    if (client.value.readsHome) await context.close();
    const decoder = new TextDecoder();
    const done = await deps.runHere({
      reproduction: found.value,
      gitUrl: place.url ?? `file://${home}/git/${found.value.run.component}.git`,
      authorization: place.authorization,
      output: options.output,
      unconfined: options.unconfined === true,
      shell: options.shell === true,
      env: deps.env,
      progress: (line) => output.progress(line),
      print: (bytes) => deps.stderr.write(forTerminal(decoder.decode(bytes, { stream: true }))),
    });
    if (!done.ok) return context.fail(done.error);
    const { state, description, tests, results } = done.value;
    const good = state === "success";
    if (context.globals().json) output.json({ job, ...done.value });
    else {
      output.print(
        `${output.paint(good ? "green" : "red", good ? "✓" : "✗")} ${job} ${state}: ${forOneLine(description)}`,
      );
      if (tests.passed + tests.failed + tests.skipped > 0)
        output.print(`tests: ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped`);
      for (const failure of tests.failures) output.print(`  ✗ ${forOneLine(failure.name)}`);
      output.print(`results: ${results}`);
    }
    return good ? 0 : 1;
  });
}

function whatOf(options: RunOptions): Result<Pick<RunOptions, "change" | "ref" | "run">> {
  const { change, ref, run } = options;
  if ([change, ref, run].filter((each) => each !== undefined).length > 1)
    return err(fault("bad-input", "say one of --change, --ref and --run"));
  if (change !== undefined && !/^\d{1,9}(,\d{1,9}){0,99}$/.test(change))
    return err(fault("bad-input", `${change} is no number of a change`, { hint: "fairlead changes" }));
  return ok({ ...(change ? { change } : {}), ...(ref ? { ref } : {}), ...(run ? { run } : {}) });
}
