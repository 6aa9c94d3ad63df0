import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { fault } from "../../core/index.ts";
import { shellWord } from "../../server/views/index.ts";
import { createApiClient } from "../api-client.ts";
import type { CliDependencies, CommandContext } from "../context.ts";
import { sampleFamily } from "../demo/sample-family.ts";
import { type DemoStep, makeSample, tellStory } from "../demo/story.ts";

interface DemoOptions {
  readonly once?: boolean;
  readonly port?: string;
}

const firstPort = 7070;

export function addDemo(program: Command, context: CommandContext): void {
  const command = program
    .command("demo")
    .option("--once", "end after the story; exit code 0 if every step went as told")
    .option("--port <n>", `else ${firstPort} or the next free one`)
    .description("a sample family, walked from a pushed change to an image anyone can pull")
    .addHelpText("after", "\nExample: fairlead demo --once\nUndo: remove its home; nothing else is written.");
  context.action(command, (options: DemoOptions) => runDemo(context, options));
}

async function runDemo(context: CommandContext, options: DemoOptions): Promise<number> {
  const { deps, output } = context;
  const { json, homeGiven } = context.globals();
  const home = homeGiven ?? resolve(deps.cwd, ".fairlead-demo");
  const say = (line: string) => (json ? output.progress(line) : output.print(line));
  const began = deps.clock.now();
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(join(home, ".gitignore"), "*\n");
  say("A sample family of four git repositories: an image component, one with two images, an internal library and a");
  say(`deployment. Everything it writes lies below ${home}.`);
  const lacking = (await deps.capabilities({ family: undefined, containers: false })).find(
    (each) => each.need === "bubblewrap" && !each.present,
  );
  if (lacking) {
    say(`lacking: ${lacking.need}: ${lacking.detail}`);
    say(`  ${lacking.switchesOff}; mend: ${lacking.mend}`);
  }
  const config = await makeSample(home);
  if (!config.ok) return context.fail(config.error);
  const port = await choosePort(options.port);
  if (port === undefined)
    return context.fail(
      fault("conflict", `port ${options.port ?? firstPort} is in use or is none`, {
        hint: "choose another with --port",
      }),
    );

  const running = await serverOf(home);
  const spawned = running
    ? undefined
    : deps.spawnSelf(
        ["serve", "--home", home, "--config", config.value, "--port", String(port)],
        join(home, "server.log"),
      );
  const server = running ?? (await waitForServer(deps, home));
  if (!server) {
    await spawned?.stop();
    const log = await readFile(join(home, "server.log"), "utf8").catch(() => "");
    return context.fail(fault("failed", `the server did not start: ${log.trim().split("\n").at(-1) ?? ""}`));
  }
  const { url, token } = server;
  const steps: DemoStep[] = [{ step: "server started", ok: true, reason: url }];
  const tellStep = (step: DemoStep) => {
    if (json) output.progress(lineOf(step));
    else output.print(`${output.paint(step.ok ? "green" : "red", step.ok ? "✓" : "✗")} ${lineOf(step).slice(2)}`);
  };
  for (const step of steps) tellStep(step);
  const client = createApiClient({ url, token, fetch: deps.fetch, readsHome: false });
  const story = await tellStory({
    home,
    client,
    fetch: deps.fetch,
    adminToken: token,
    clock: deps.clock,
    pull: deps.pull,
    told: tellStep,
  });
  steps.push(...story);
  const seconds = Number(((deps.clock.now() - began) / 1000).toFixed(1));
  const good = steps.every((step) => step.ok);
  if (json) output.json({ family: sampleFamily, url, home, seconds, steps });
  else {
    const told = steps.filter((step) => step.ok).length;
    output.print(`${told} of ${steps.length} steps went as told, in ${seconds} s.`);
    await tellNext(context, home, config.value, url, options.once === true);
  }
  if (options.once === true) {
    await spawned?.stop();
    return good ? 0 : 1;
  }
  await untilSignal();
  await spawned?.stop();
  return good ? 0 : 1;
}

function lineOf(step: DemoStep): string {
  const about = [step.component, step.version].filter((text) => text !== undefined).join(" ");
  const image =
    step.image === undefined ? "" : ` ${step.image}${step.digest === undefined ? "" : `@${step.digest.slice(0, 19)}…`}`;
  return `${step.ok ? "✓" : "✗"} ${step.step}${about === "" ? "" : ` (${about})`}${image}${step.reason === undefined ? "" : `: ${step.reason}`}`;
}

/** Every line that begins with two blanks runs as it stands in a new shell. */
async function tellNext(
  context: CommandContext,
  home: string,
  config: string,
  url: string,
  once: boolean,
): Promise<void> {
  const { deps, output } = context;
  const program = shellWord(deps.env["FAIRLEAD_BIN"] ?? "fairlead");
  const at = `--home ${shellWord(home)}`;
  const { host, port } = new URL(url);
  const image = `${host}/${sampleFamily}/greeter:v1.0.0`;
  const clone = shellWord(join(home, "clones", "greeter"));
  const line = (text: string) => output.print(`  ${text}`);
  if (once) {
    output.print("Start it again:");
    line(`${program} serve ${at} --config ${shellWord(config)} --port ${port}`);
  } else {
    output.print(`Dashboard: ${url}`);
    output.print("Try next:");
    line(`git -C ${clone} commit --allow-empty -m 'Try it' && git -C ${clone} push origin HEAD:refs/for/main`);
    line(`${program} status ${at}`);
    line(`${program} why greeter@v1.0.0 ${at}`);
    const skopeo = await toolOnPath(deps, "skopeo");
    line(skopeo ? `skopeo inspect --tls-verify=false docker://${image}` : `${program} pull ${image} "$(mktemp -d)"`);
    output.print("Stop it (or press Ctrl-C here):");
    line(`kill ${process.pid}`);
    output.print("Start it again:");
    line(`${program} serve ${at} --config ${shellWord(config)} --port ${port}`);
  }
  output.print("Remove all of it:");
  line(`rm -rf ${shellWord(home)}`);
}

async function toolOnPath(deps: CliDependencies, name: string): Promise<boolean> {
  for (const folder of (deps.env["PATH"] ?? "").split(":")) {
    const found = await readFile(join(folder, name)).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}

async function choosePort(given: string | undefined): Promise<number | undefined> {
  if (given !== undefined) {
    const port = Number(given);
    return Number.isInteger(port) && port >= 0 && port < 65_536 && (port === 0 || (await isFree(port)))
      ? port
      : undefined;
  }
  for (let port = firstPort; port < firstPort + 100; port++) if (await isFree(port)) return port;
  return undefined;
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((done) => {
    const probe = createServer();
    probe.once("error", () => done(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => done(true)));
  });
}

async function serverOf(home: string): Promise<{ readonly url: string; readonly token: string } | undefined> {
  try {
    const server: { url: string; pid: number } = JSON.parse(await readFile(join(home, "server.json"), "utf8"));
    process.kill(server.pid, 0);
    return { url: server.url, token: (await readFile(join(home, "admin.token"), "utf8")).trim() };
  } catch {
    return undefined;
  }
}

async function waitForServer(deps: CliDependencies, home: string) {
  const end = deps.clock.now() + 20_000;
  while (deps.clock.now() < end) {
    const server = await serverOf(home);
    if (server) return server;
    await new Promise<void>((done) => deps.clock.after(50, done));
  }
  return undefined;
}

async function untilSignal(): Promise<void> {
  await new Promise<void>((done) => {
    process.once("SIGINT", () => done());
    process.once("SIGTERM", () => done());
  });
}
