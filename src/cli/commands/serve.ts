import type { Command } from "commander";
import { fault } from "../../core/index.ts";
import type { CommandContext } from "../context.ts";

interface ServeFlags {
  readonly port: string;
  readonly host: string;
  readonly database?: string;
  readonly publicUrl?: string;
  readonly behindProxy?: boolean;
  readonly places?: string;
  readonly work?: string;
}

export function addServe(program: Command, context: CommandContext): void {
  const command = program
    .command("serve")
    .description("runs everything")
    .option("--port <n>", "the one port", "7070")
    .option("--host <address>", "beyond loopback a TLS proxy must stand before it", "127.0.0.1")
    .option("--database <url>", "postgres://…; else SQLite in the home")
    .option("--public-url <url>", "how people reach it")
    .option("--behind-proxy", "TLS ends before this server")
    .option("--places <n>", "runs at once; default: the number of processors, at least 2")
    .option("--work <folder>", "for checkouts; a tmpfs is faster")
    .addHelpText("after", "\nExample: fairlead serve --port 7070\nUndo: Ctrl-C; everything goes on where it stopped.");
  context.action(command, async (flags: ServeFlags) => {
    const { config, home } = context.globals();
    const port = Number(flags.port);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      return context.fail(fault("bad-input", `--port ${flags.port} is no port`));
    const places = flags.places === undefined ? undefined : Number(flags.places);
    if (places !== undefined && (!Number.isInteger(places) || places < 1))
      return context.fail(fault("bad-input", `--places ${flags.places} is no number of runs`));
    const served = await context.deps.serve(
      {
        config,
        home,
        port,
        host: flags.host,
        database: flags.database ?? context.deps.env["FAIRLEAD_DATABASE"],
        publicUrl: flags.publicUrl,
        behindProxy: flags.behindProxy === true,
        places,
        work: flags.work,
      },
      context.output,
    );
    return served.ok ? 0 : context.fail(served.error);
  });
}
