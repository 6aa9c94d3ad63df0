import { resolve } from "node:path";
import { Command, CommanderError } from "commander";
import { ok } from "../core/index.ts";
import { addApprove } from "./commands/approve.ts";
import { addAudit } from "./commands/audit.ts";
import { addBackup, addRestore } from "./commands/backup.ts";
import { addAllow, addClose, addComment } from "./commands/change-acts.ts";
import { addChanges } from "./commands/changes.ts";
import { addCheck } from "./commands/check.ts";
import { addDemo } from "./commands/demo.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addInit } from "./commands/init.ts";
import { addJobs } from "./commands/jobs.ts";
import { addKey } from "./commands/key.ts";
import { addLogin } from "./commands/login.ts";
import { addLogs } from "./commands/logs.ts";
import { addBackport, addBranch, addFreeze, addMark, addThaw } from "./commands/maintenance.ts";
import { addMerge } from "./commands/merge.ts";
import { addOpen } from "./commands/open.ts";
import { addPinSets } from "./commands/pin-sets.ts";
import { addPins } from "./commands/pins.ts";
import { addPlan } from "./commands/plan.ts";
import { addPodImage } from "./commands/pod-image.ts";
import { addPreflight } from "./commands/preflight.ts";
import { addPull } from "./commands/pull.ts";
import { addPromote, addRegistries } from "./commands/registries.ts";
import { addRelease } from "./commands/release.ts";
import { addReleases } from "./commands/releases.ts";
import { addReplay } from "./commands/replay.ts";
import { addRun } from "./commands/run.ts";
import { addAbort, addRerun } from "./commands/run-acts.ts";
import { addRuns } from "./commands/runs.ts";
import { addServe } from "./commands/serve.ts";
import { addShared } from "./commands/shared.ts";
import { addStatus } from "./commands/status.ts";
import { addToken } from "./commands/token.ts";
import { addTrace } from "./commands/trace.ts";
import { addTrain } from "./commands/train.ts";
import { addMaintenance } from "./commands/upkeep.ts";
import { addNote, addWithdraw } from "./commands/verdicts.ts";
import { addVerify } from "./commands/verify.ts";
import { addWhy } from "./commands/why.ts";
import { type Connection, connect } from "./connect.ts";
import { type CliDependencies, type CommandContext, exitOf, type GlobalOptions } from "./context.ts";
import { createOutput } from "./output.ts";

const usage = 2;

/** Runs one command line (without `node` and the script). Answers the exit code of design 6; never throws for usage. */
export async function runProgram(argv: readonly string[], deps: CliDependencies): Promise<number> {
  const output = createOutput(deps.stdout, deps.stderr, deps.env);
  const program = new Command("fairlead");
  let code = 0;
  let connection: Connection | undefined;

  function globals(): GlobalOptions {
    const options: { json?: boolean; server?: string; home?: string; config?: string } = program.opts();
    const config = resolve(deps.cwd, options.config ?? deps.env["FAIRLEAD_CONFIG"] ?? "fairlead.yaml");
    const named = options.home ?? deps.env["FAIRLEAD_HOME"];
    const homeGiven = named === undefined ? undefined : resolve(deps.cwd, named);
    const home = homeGiven ?? resolve(config, "..", ".fairlead-home");
    return { json: options.json === true, server: options.server, home, homeGiven, config };
  }

  const context: CommandContext = {
    deps,
    output,
    globals,
    client: async () => {
      const connected = connection ? ok(connection) : await connect(deps, globals());
      if (!connected.ok) return connected;
      if (!connection && connected.value.client.readsHome)
        output.progress("no server runs on this home; this is read from the home itself");
      connection = connected.value;
      return ok(connection.client);
    },
    close: async () => {
      const open = connection;
      connection = undefined;
      await open?.close();
    },
    action: (command, act) => {
      command.action(async (...args: unknown[]) => {
        // Commander passes the command itself last, after arguments and options.
        const given: unknown[] = args.slice(0, -1);
        code = await Reflect.apply(act, undefined, given);
      });
    },
    fail: (fault) => {
      if (globals().json) output.json({ error: { ...fault, cause: undefined } });
      else output.fault(fault);
      return exitOf(fault);
    },
  };

  program
    .description("releases a family of components that live in separate repositories")
    .version(deps.version)
    .option("--json", "one object on stdout; progress on stderr")
    .option("--server <url>", "else FAIRLEAD_URL, a stored login, or the server of the home")
    .option("--home <folder>", "else FAIRLEAD_HOME, or .fairlead-home beside the family file")
    .option("--config <file>", "the family file; else FAIRLEAD_CONFIG, or fairlead.yaml")
    .showSuggestionAfterError(true)
    .showHelpAfterError("(fairlead --help lists the commands)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => deps.stdout.write(text),
      writeErr: (text) => deps.stderr.write(text),
    });
  for (const add of commands) add(program, context);
  inherit(program);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usage;
    throw error;
  } finally {
    await connection?.close();
  }
}

const commands = [
  addCheck,
  addDoctor,
  addStatus,
  addWhy,
  addJobs,
  addPlan,
  addRun,
  addRuns,
  addLogs,
  addChanges,
  addReleases,
  addPreflight,
  addTrain,
  addPins,
  addPinSets,
  addReplay,
  addVerify,
  addTrace,
  addDemo,
  addInit,
  addServe,
  addLogin,
  addOpen,
  addBackup,
  addRestore,
  addPull,
  addPodImage,
  addMerge,
  addAllow,
  addClose,
  addComment,
  addRerun,
  addAbort,
  addRelease,
  addApprove,
  addWithdraw,
  addNote,
  addBranch,
  addFreeze,
  addThaw,
  addMark,
  addBackport,
  addShared,
  addMaintenance,
  addRegistries,
  addPromote,
  addAudit,
  addToken,
  addKey,
];

/** Options of the program may stand after the command too, since that is where people write them. */
function inherit(program: Command): void {
  for (const command of program.commands) {
    command.copyInheritedSettings(program);
    for (const option of program.options) {
      if (option.long === "--version") continue;
      command.addOption(option);
      command.on(`option:${option.attributeName()}`, (value: unknown) =>
        program.setOptionValue(option.attributeName(), value ?? true),
      );
    }
    inheritBelow(program, command);
  }
}

function inheritBelow(program: Command, parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(program);
    for (const option of program.options) {
      if (option.long === "--version") continue;
      command.addOption(option);
      command.on(`option:${option.attributeName()}`, (value: unknown) =>
        program.setOptionValue(option.attributeName(), value ?? true),
      );
    }
  }
}
