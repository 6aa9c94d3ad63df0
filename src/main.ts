import { spawn } from "node:child_process";
import { createReadStream, createWriteStream, openSync } from "node:fs";
import { mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { type CliDependencies, type Output, runProgram, type ServeRequest } from "./cli/index.ts";
import { type ConfigurationInForce, openConfiguration } from "./compose/configuration.ts";
import { dockerCredentials } from "./compose/docker-credentials.ts";
import { capabilitiesHere } from "./compose/executor.ts";
import { type ConfigurationSource, readConfiguration } from "./compose/family-source.ts";
import { inspectRepository } from "./compose/inspect.ts";
import { runHere } from "./compose/local-run.ts";
import { readPast, readPolicy } from "./compose/past.ts";
import { makePodImage } from "./compose/pod-image.ts";
import { promptOn } from "./compose/prompt.ts";
import { type ServeOptions, startServer } from "./compose/server.ts";
import { readTrain } from "./compose/train-file.ts";
import { err, fault, ok, type Result, systemClock, systemIds } from "./core/index.ts";
import type { Family } from "./family/index.ts";
import { createRegistryClient, pullToLayout } from "./oci/index.ts";
import { verifyProof } from "./proof/index.ts";
import { openBackup, restoreBackup } from "./server/backup.ts";
import { homeAt } from "./server/home.ts";
import { databaseOf } from "./server/home-database.ts";
import { engineOf, lockHome, tryOpenStore } from "./store/index.ts";
import { version } from "./version.ts";

/** Beside the built program: the hook of pushes, and the assets of pages. */
const here = fileURLToPath(new URL(".", import.meta.url));
const installed = { hookFile: join(here, "proc-receive.mjs"), assets: join(here, "assets") };
const program = fileURLToPath(import.meta.url);

/** Readings of unchanged job files are kept in the home. */
function sourceFor(home: string | undefined): ConfigurationSource {
  return {
    worker: join(here, "prow-worker.mjs"),
    cache: home && join(homeAt(home, undefined).caches, "configuration"),
  };
}

function onBug(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${new Date().toISOString()} bug: ${text}\n`);
}

function serveOptions(
  configuration: ConfigurationInForce,
  request: ServeRequest,
  tell: (line: string) => void,
): ServeOptions {
  return {
    clock: systemClock,
    ids: systemIds,
    configuration,
    home: request.home,
    database: request.database,
    listen: { host: request.host, port: request.port },
    publicUrl: request.publicUrl,
    behindProxy: request.behindProxy,
    places: request.places,
    work: request.work,
    allowCage: process.env["FAIRLEAD_CAGE_OFF"] !== "1",
    env: process.env,
    installed,
    tell,
    onBug,
    onDatabaseLost: () => {
      process.stderr.write("another Fairlead works on this database by now; this one ends, and what it did is kept\n");
      process.exit(3);
    },
  };
}

async function serve(request: ServeRequest, output: Output): Promise<Result<void>> {
  const configuration = await openConfiguration(request.config, sourceFor(request.home));
  if (!configuration.ok) return configuration;
  const family = configuration.value.family();
  const started = await startServer(serveOptions(configuration.value, request, (line) => output.progress(line)));
  if (!started.ok) return started;
  const server = started.value;
  output.print(`Fairlead serves ${family.name} at ${server.url}`);
  if (server.firstStart) {
    output.print(`The administrator's token is in ${server.home.adminToken}`);
    output.print(
      `Back up ${server.home.root} (fairlead backup FILE): it holds the repositories, the images and every decision.`,
    );
  }
  for (const missing of server.missing)
    output.print(`Not isolated: ${missing}. Strangers' changes do not run; fairlead doctor says how to mend it.`);
  if (family.components.length === 0)
    output.print("The family has no component yet; fairlead init URL… writes a family file.");
  void server.settled.then(() => output.progress("ready"));
  await new Promise<void>((done) => {
    process.once("SIGINT", () => done());
    process.once("SIGTERM", () => done());
  });
  output.progress("stopping; what runs is started again with the next start");
  await server.stop();
  return ok(undefined);
}

async function readHome(config: string, home: string) {
  const configuration = await openConfiguration(config, sourceFor(home));
  if (!configuration.ok) return configuration;
  const files = homeAt(home, undefined);
  const there = await stat(files.root).catch(() => undefined);
  const database = there ? await databaseOf(files, process.env["FAIRLEAD_DATABASE"]) : ok("");
  if (!database.ok) return database;
  const inHome = engineOf(database.value) === "sqlite";
  if (!there || (inHome && !(await stat(files.database).catch(() => undefined))))
    return err(
      fault("not-found", `there is no home at ${home} yet`, { hint: `start it: fairlead serve --config ${config}` }),
    );
  const request = {
    config,
    home,
    database: database.value,
    host: "",
    port: 0,
    publicUrl: undefined,
    behindProxy: false,
    places: 1,
    work: undefined,
  };
  const options = serveOptions(configuration.value, request, () => {});
  const opened = await startServer({ ...options, listen: undefined });
  return opened.ok ? ok({ fetch: opened.value.fetch, close: opened.value.stop }) : opened;
}

async function capabilities(asked: { readonly family: Family | undefined; readonly containers: boolean }) {
  const folder = await mkdtemp(join(tmpdir(), "fairlead-doctor-"));
  try {
    return await capabilitiesHere({
      folder,
      clock: systemClock,
      ids: systemIds,
      ...asked,
      allowCage: process.env["FAIRLEAD_CAGE_OFF"] !== "1",
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function backupHome(_config: string, root: string, file: string): Promise<Result<{ bytes: number }>> {
  const home = homeAt(root, undefined);
  const locked = lockHome(home.lock);
  if (!locked.ok) return locked;
  const database = await databaseOf(home, process.env["FAIRLEAD_DATABASE"]);
  const store = database.ok ? await tryOpenStore(database.value) : database;
  if (!store.ok) {
    locked.value.release();
    return store;
  }
  try {
    const stream = await openBackup(home, store.value, systemIds);
    if (!stream.ok) return stream;
    await pipeline(stream.value, createWriteStream(`${file}.part`, { mode: 0o600 }));
    await rename(`${file}.part`, file);
    return ok({ bytes: (await stat(file)).size });
  } finally {
    await store.value.close();
    locked.value.release();
  }
}

function spawnSelf(args: readonly string[], log: string) {
  const out = openSync(log, "a");
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", out, out], detached: true });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

const dependencies: CliDependencies = {
  stdout: { write: (text) => void process.stdout.write(text), isTTY: process.stdout.isTTY === true },
  stderr: { write: (text) => void process.stderr.write(text), isTTY: process.stderr.isTTY === true },
  env: process.env,
  cwd: process.cwd(),
  clock: systemClock,
  ids: systemIds,
  version,
  fetch: (request) => fetch(request),
  serve,
  readHome,
  readConfiguration: (file, home) => readConfiguration(file, sourceFor(home)),
  capabilities,
  inspect: inspectRepository,
  runHere,
  terminal: promptOn(process.stdin, process.stderr),
  readTrain,
  writeFile: async (file, text) => {
    try {
      await writeFile(file, text);
      return ok(undefined);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      return err(fault("bad-input", `${file} cannot be written: ${why}`, { cause }));
    }
  },
  readPast,
  readPolicy,
  podImage: (to) => makePodImage({ to, env: process.env, clock: systemClock, ids: systemIds }),
  pull: (image, folder) =>
    pullToLayout(
      {
        client: createRegistryClient({ clock: systemClock, credentials: dockerCredentials(process.env) }),
        ids: systemIds,
      },
      image,
      folder,
    ),
  verify: async (image, keys, witness) => {
    const client = createRegistryClient({ clock: systemClock, credentials: dockerCredentials(process.env) });
    return await verifyProof({ client, keys, witness }, image);
  },
  backupHome,
  restoreHome: async (file, home) => {
    if (!(await stat(file).catch(() => undefined))) return err(fault("not-found", `there is no file ${file}`));
    return await restoreBackup(createReadStream(file), home);
  },
  spawnSelf,
};

process.on("uncaughtException", (error) => {
  onBug(error);
  process.exit(3);
});
process.on("unhandledRejection", (error) => onBug(error));
// Writing to a closed pipe (`fairlead logs | head`) ends the program, as it does any other. A closed terminal does not: it
// sends SIGHUP, and what was begun is ended in order.
const onWriteError = (code: number) => (error: NodeJS.ErrnoException) => {
  if (error.code !== "EIO") process.exit(code);
};
process.stdout.on("error", onWriteError(0));
process.stderr.on("error", onWriteError(3));
process.exitCode = await runProgram(process.argv.slice(2), dependencies);
