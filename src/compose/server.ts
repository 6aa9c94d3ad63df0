import { readdir, readFile } from "node:fs/promises";
import type { Server } from "node:http";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createAdaptorServer, type Http2Bindings, type HttpBindings } from "@hono/node-server";
import { readReleaseConfiguration } from "../config/index.ts";
import { type Clock, describeFault, err, type Fault, fault, type Ids, ok, type Result } from "../core/index.ts";
import { findOnPath, isPublicAddress } from "../execute/host/index.ts";
import { sweepToolchains } from "../execute/toolchains/index.ts";
import type { Component, Platform } from "../family/index.ts";
import { createGitDoor, createLocalForge } from "../forge/local/index.ts";
import { createGit } from "../git/index.ts";
import {
  chooseCompression,
  createAssembler,
  createImageInspector,
  createLeftImages,
  createOutsideBuilder,
} from "../images/index.ts";
import {
  adoptComponent,
  allComponents,
  branchesOf,
  createChangeActs,
  createInRepoReader,
  createIntake,
  createLanding,
  createMaintenanceActs,
  createNextReleases,
  createPinActs,
  createPushHandler,
  createReleaseActs,
  createRunActs,
  createSharedActs,
  createTicker,
  createTrainPlanner,
  createTrains,
  createUpkeep,
  createVerdictActs,
  createWeeklyBuilds,
  findComponent,
  inRepoJobsOf,
  mendChangeRefs,
} from "../intake/index.ts";
import type { Job } from "../jobs/index.ts";
import { createJournal, dieAt, parseCrashPoint } from "../journal/index.ts";
import {
  createBaseSource,
  createHostBudgets,
  createRegistryClient,
  createRemoteRegistry,
  type ImageRegistry,
  openFsBlobStore,
} from "../oci/index.ts";
import { createAuditor, sentenceOf } from "../proof/index.ts";
import {
  createBuiltinRegistry,
  createCollector,
  createQuotas,
  createRegistryDoor,
  createStaging,
  openUploads,
} from "../registry/index.ts";
import { canaryPublisher, createPromotion, releasePublisher, withdrawalAnnouncer } from "../release/index.ts";
import {
  createFsResultStore,
  createMirrorQueue,
  mirroredResults,
  mirrorOf,
  type ResultMirror,
} from "../results/index.ts";
import { createScheduler, createSecretSources, createSupervisor, removeTree } from "../runs/index.ts";
import { createAccess } from "../server/access.ts";
import { createApp } from "../server/app.ts";
import { openBackup } from "../server/backup.ts";
import { createEventStream } from "../server/events.ts";
import { type Home, homeAt, prepareHome, removeServerFile, writePrivate } from "../server/home.ts";
import { databaseOf } from "../server/home-database.ts";
import { createMetrics } from "../server/metrics.ts";
import { createSessions } from "../server/session.ts";
import { createSignInLimit, createSignIns } from "../server/sign-in-limit.ts";
import { createViews } from "../server/views/index.ts";
import { engineOf, holdDatabase, lockHome, tryOpenStore } from "../store/index.ts";
import { version } from "../version.ts";
import { createPages } from "../web/index.ts";
import { clusterSource } from "./cluster.ts";
import { bringTheirOwn, composeClusterTests } from "./cluster-tests.ts";
import type { ConfigurationInForce } from "./configuration.ts";
import { dockerCredentials } from "./docker-credentials.ts";
import { createExecutor, createImageExecutor } from "./executor.ts";
import { foreignTagsFinder } from "./foreign-tags.ts";
import { pinReader } from "./pin-reader.ts";
import { composeProof } from "./proof.ts";
import { createPushDoor } from "./push-door.ts";
import { readArtifact } from "./read-artifact.ts";
import { goproxyOf, toolchainsOf } from "./toolchains.ts";
import { createUpstream } from "./upstream.ts";

export interface ServeOptions {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly configuration: ConfigurationInForce;
  readonly home: string;
  /** SQLite below the home unless given. */
  readonly database: string | undefined;
  /** Another server took the database while it was away: this one has to end at once. */
  readonly onDatabaseLost: () => void;
  /** `undefined`: nothing is listened on and nothing is done; for reading a home that has no server. Port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  readonly publicUrl: string | undefined;
  readonly behindProxy: boolean;
  readonly places: number | undefined;
  /** Folder for checkouts; a tmpfs is faster. */
  readonly work: string | undefined;
  readonly allowCage: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The hook program and the folder of assets, as they were installed. */
  readonly installed: { readonly hookFile: string; readonly assets: string };
  readonly tell: (line: string) => void;
  readonly onBug: (error: unknown) => void;
}

export interface RunningServer {
  readonly url: string;
  readonly home: Home;
  readonly firstStart: boolean;
  /** Every component was taken in (or could not be) and every stored event decided. */
  readonly settled: Promise<void>;
  readonly missing: readonly string[];
  /** The same doors, without a network. */
  fetch(request: Request): Promise<Response>;
  stop(): Promise<void>;
}

type Connections = HttpBindings | Http2Bindings;

const reconcileEveryMs = 30_000;
const collectEveryMs = 6 * 3_600_000;
const longestRequestMs = 6 * 3_600_000;

/** Puts every part in its place and opens the port. Faults: home in use, port in use, newer home, unsafe address. */
export async function startServer(options: ServeOptions): Promise<Result<RunningServer>> {
  const { clock, ids } = options;
  const host = options.listen?.host ?? "127.0.0.1";
  const loopback = isLoopbackHost(host);
  if (!loopback && !options.behindProxy)
    return err(
      fault("refused", `listening on ${host} without TLS would send tokens in the clear`, {
        hint: "put a TLS proxy in front and say --behind-proxy, or listen on 127.0.0.1",
      }),
    );
  const home = homeAt(options.home, options.work);
  const { first } = await prepareHome(home);
  const locked = lockHome(home.lock);
  if (!locked.ok) return locked;
  const database = await databaseOf(home, options.database);
  if (!database.ok) {
    locked.value.release();
    return database;
  }
  const held =
    options.listen && engineOf(database.value) === "postgres"
      ? await holdDatabase(database.value, { clock, onLost: options.onDatabaseLost })
      : ok({ release: async () => {} });
  if (!held.ok) {
    locked.value.release();
    return held;
  }
  const unlock = async () => {
    await held.value.release();
    locked.value.release();
  };
  const opened = await tryOpenStore(database.value, async (from, copyTo) => {
    if (engineOf(database.value) === "postgres") {
      options.tell(`upgrading the database from schema ${from}`);
      return;
    }
    const file = join(home.backups, `before-upgrade-from-${from}-${clock.now()}.db`);
    options.tell(`upgrading the home from schema ${from}; it was backed up to ${file} first`);
    await copyTo(file);
  });
  if (!opened.ok) {
    await unlock();
    return opened;
  }
  const store = opened.value;
  const { configuration } = options;
  const family = () => configuration.family();
  const git = createGit({
    root: home.git,
    clock,
    mayRead: (address) => isPublicAddress(address),
    reachable: () => family().reachable,
  });
  await git.sweep();
  const blobs = await openFsBlobStore({ root: home.blobs, ids, clock });
  const mirrors: ResultMirror[] = [];
  for (const target of options.listen ? (family().resultMirrors ?? []) : []) {
    const mirror = mirrorOf(target, { environment: options.env, folder: home.root, clock, ids });
    if (!mirror.ok) {
      await store.close();
      await unlock();
      return mirror;
    }
    mirrors.push(mirror.value);
  }
  const mirrorQueue = createMirrorQueue({
    folder: home.mirror,
    root: home.results,
    mirrors,
    clock,
    ids,
    onTrouble: (mirror, trouble) =>
      options.tell(`results are not mirrored to ${mirror} yet: ${describeFault(trouble)}`),
  });
  const results = mirroredResults(createFsResultStore({ root: home.results, ids }), mirrorQueue);
  const execution = { folder: join(home.root, "cage"), clock, ids, family, allowCage: options.allowCage };
  const made = await createExecutor(execution);
  if (!made.ok) {
    await store.close();
    await unlock();
    return made;
  }
  const executor = made.value;
  const ended = options.listen ? await executor.sweep() : 0;
  const building = await createImageExecutor(executor, execution);
  const inspector = createImageInspector(blobs);
  if (ended > 0) options.tell(`ended ${ended} processes that an earlier server left running`);
  if (options.listen) await sweepToolchains(home.toolchains);
  for (const left of options.listen ? await readdir(home.work) : []) await removeTree(join(home.work, left));

  const owner = ids.uuid();
  const plainJournal = createJournal({ store, clock, ids, owner, parallel: 8, alone: true, onBug: options.onBug });
  const crash = parseCrashPoint(options.env["FAIRLEAD_CRASH_AT"]);
  const die = (): never => {
    process.kill(process.pid, "SIGKILL");
    throw new Error("not reached");
  };
  const journal = crash ? dieAt(crash, plainJournal, die) : plainJournal;

  const shared = {
    clock,
    budgets: createHostBudgets({ clock }),
    random: () => Number.parseInt(ids.hex(3), 16) / 2 ** 24,
  };
  const client = createRegistryClient({ ...shared, credentials: dockerCredentials(options.env) });
  const anonymousClient = createRegistryClient(shared);
  const staging = createStaging({ store, ids });
  if (options.listen) await staging.sweep();
  const builtin = createBuiltinRegistry({ store, blobs, clock });
  const collector = createCollector({ store, blobs, clock });
  const registryNamed = (name: string): ImageRegistry =>
    name === "builtin" ? builtin : createRemoteRegistry({ name, client, blobs });
  const repositoryOf = (image: string) => `${family().name}/${image}`;
  const here: Platform = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" };

  const jobsOf = (component: string, defaultBranch: string): readonly Job[] =>
    configuration.jobs({ [component]: defaultBranch }).filter((job) => job.component === component);
  const periodics = (): readonly Job[] => configuration.jobs({}).filter((job) => job.type === "periodic");
  const inRepo = createInRepoReader({ rulesOf: configuration.inRepo, configHash: () => family().configHash });
  const sources = { store, git, family, jobsOf, periodics, inRepo };
  const readConfiguration: Parameters<typeof createSupervisor>[0]["readReleaseConfiguration"] = (files, component) =>
    readReleaseConfiguration(files, component, { cluster: bringTheirOwn(family()), here });

  async function configurationAt(component: Component, commit: string) {
    const repository = await git.open(component.name);
    const files = {
      read: (path: string) => repository.readFile(commit, path),
      list: (prefix: string) => repository.listFiles(commit, prefix),
    };
    return await readConfiguration(files, component);
  }

  const { keyring, prover, announceWithdrawal } = composeProof({
    ...{ store, blobs, clock, git, family, repositoryOf, configurationAt },
    home: home.root,
    env: options.env,
  });
  if (options.listen) {
    const key = await keyring.ensure();
    if (!key.ok) options.tell(`releases cannot be signed: ${describeFault(key.error)}`);
  }

  async function imageNames(component: string, commit: string): Promise<readonly string[]> {
    const known = family().components.find((each) => each.name === component);
    if (!known) return [];
    if (known.images) return known.images;
    const configuration = await configurationAt(known, commit);
    return configuration.ok ? configuration.value.images.map((image) => image.name) : [];
  }

  async function configuredFolders(component: string, commit: string): Promise<Readonly<Record<string, string>>> {
    const known = family().components.find((each) => each.name === component);
    const configuration = known && (await configurationAt(known, commit));
    return configuration?.ok ? configuration.value.shared : {};
  }

  const releaseRegistries = () => family().registries.release.map(registryNamed);
  const foreignTags = foreignTagsFinder({
    store,
    clock,
    registries: releaseRegistries,
    repositoryOf,
    imageNames,
    tell: options.tell,
  });
  const promotion = createPromotion({
    store,
    ids,
    journal,
    components: () => family().components,
    registries: () => family().registries.release,
  });
  const auditor = createAuditor({
    store,
    clock,
    family,
    registries: releaseRegistries,
    repositoryOf,
    onFindings: (found) => {
      for (const finding of found) options.tell(`audit: ${sentenceOf(finding)}`);
    },
    onBug: options.onBug,
  });

  const kubectl = async () => options.env["FAIRLEAD_KUBECTL"] ?? (await findOnPath("kubectl"));
  const clusters = clusterSource({
    ...{ clock, family, folder: configuration.folder, records: join(home.root, "clusters"), kubectl },
    log: options.tell,
  });
  const bases = createBaseSource({
    client: anonymousClient,
    blobs,
    mirrors: () => family().registries.mirrors,
    mirrorsMayResolve: () => family().registries.mirrorsMayResolve,
    allowedHosts: () => family().registries.baseHosts,
  });
  let url = "http://127.0.0.1";
  const scheduler = createScheduler({
    store,
    clock,
    ids,
    owner,
    alone: true,
    places: options.places ?? Math.max(2, availableParallelism()),
    supervisor: createSupervisor({
      clock,
      family,
      git,
      executor,
      results,
      secrets: createSecretSources({
        folder: configuration.folder,
        sources: () => family().secrets ?? {},
        env: options.env,
      }),
      runUrl: (id) => `${url}/runs/${id}`,
      assembler: createAssembler({
        blobs,
        bases,
        compression: chooseCompression(),
        outside: createOutsideBuilder({ executor: building.executor }),
      }),
      inspector,
      leftImages: createLeftImages(blobs),
      cage: building.executor,
      readReleaseConfiguration: readConfiguration,
      toolchains: toolchainsOf({ folder: home.toolchains, ids, family, executor, env: options.env }),
      clusterTests: composeClusterTests({
        ...{ store, blobs, clock, git, family, here, kubectl },
        cluster: clusters.current,
      }),
      withCopy: (user, internal, commit) => sharedActs.withCopy(user, internal, commit),
      pushDoor: createPushDoor({ staging, door: () => registryDoor, blobs }),
      workRoot: home.work,
      cacheRoot: home.caches,
    }),
    capacities: () => configuration.queues(),
    onFinished: (component) => {
      void intake.settle(component).catch(options.onBug);
      upkeep.runEnded();
    },
    onBug: options.onBug,
  });
  const onRuns = () => scheduler.poke();
  const forge = createLocalForge({ git });
  const intake = createIntake({ ...sources, clock, ids, journal, foreignTags, onRuns, onBug: options.onBug });
  const sharedActs = createSharedActs({ ...sources, clock, intake, configuredFolders });
  const ticker = createTicker({ ...sources, clock, intake, onBug: options.onBug });
  const weeklyBuilds = createWeeklyBuilds({ ...sources, clock, intake, onBug: options.onBug });
  const landing = createLanding({
    ...sources,
    clock,
    ids,
    journal,
    forge,
    intake,
    onLanded: (component) => setImmediate(() => void intake.reconcile(component).catch(options.onBug)),
  });
  const canaries = canaryPublisher({
    store,
    clock,
    registry: () => registryNamed(family().registries.canary),
    repositoryOf,
    isAncestor: async (component, commit, other) => await (await git.open(component)).isAncestor(commit, other),
  });
  const releases = releasePublisher({
    store,
    clock,
    ids,
    journal,
    blobs,
    registries: releaseRegistries,
    repositoryOf,
    tagObject: async (component, tag) =>
      (await (await git.open(component)).refs()).find((ref) => ref.name === `refs/tags/${tag}`)?.object,
    attachProof: prover.attach,
    inspector,
    declaredPlatforms: async (name, commit) => {
      const component = family().components.find((each) => each.name === name);
      const configuration = component && (await configurationAt(component, commit));
      if (configuration && !configuration.ok) return configuration;
      const images = configuration?.value.images ?? [];
      return ok(new Map(images.map((image) => [image.name, image.platforms.map((each) => each.platform)])));
    },
    ownedImages: (component) => family().components.find((each) => each.name === component)?.images,
    onReleased: (component) => setImmediate(() => void intake.settle(component).catch(options.onBug)),
  });

  const withdrawals = withdrawalAnnouncer({
    store,
    clock,
    registries: releaseRegistries,
    announce: announceWithdrawal,
  });

  const access = createAccess({ store, clock, ids });
  const signIns = createSignIns({ limit: createSignInLimit(clock), access, behindProxy: options.behindProxy });
  const views = createViews({
    trainPlan: createTrainPlanner({ ...sources, clock, intake }),
    nextRelease: createNextReleases({ ...sources, clock }),
    db: store.db,
    family,
    problem: () => configuration.problem(),
    clock,
    results,
    url: () => url,
    imageReference: (image) => `${new URL(url).host}/${repositoryOf(image)}`,
  });
  const events = createEventStream({ store, clock });
  const pushes = createPushHandler({ ...sources, clock, ids, intake, baseUrl: () => url });
  const gitDoor = await createGitDoor({
    git,
    ids,
    handler: pushes,
    hookFile: options.installed.hookFile,
    onBug: options.onBug,
  });
  const anonymousRead = () => loopback || family().anonymous === "read";
  const registryDoor = createRegistryDoor({
    store,
    blobs,
    staging,
    quotas: createQuotas({ store, blobs, clock, family }),
    uploads: await openUploads({ folder: home.uploads, clock, ids }),
    clock,
    ids,
    family,
    authenticate: access.authenticate,
    anonymousRead,
    baseUrl: (request) => options.publicUrl ?? `http://${request.headers.get("host") ?? ""}`,
  });
  let ready = false;
  const jobs = async (): Promise<readonly Job[]> => {
    const branches = new Map((await allComponents(store)).map((row) => [row.name, row.default_branch]));
    const own = configuration.jobs(
      Object.fromEntries([...branches].flatMap(([name, branch]) => (branch === null ? [] : [[name, branch]]))),
    );
    return [...own, ...(await inRepoJobsOf({ git, inRepo }, family().components, branches))];
  };
  const releaseActs = createReleaseActs({ ...sources, clock, ids, forge, intake, onRuns });
  const pinActs = createPinActs({ ...sources, clock, intake });
  const trains = createTrains({ ...sources, clock, releaseActs, pinActs, onBug: options.onBug });
  const upkeep = createUpkeep({
    ...sources,
    clock,
    ids,
    intake,
    upstream: createUpstream({ goproxy: () => goproxyOf(family(), options.env), bases }),
    sharedActs,
    pinActs,
    artifactOf: async (run, name, limit) => {
      const key = await views.resultKey(run);
      return key && (await readArtifact(results, key, name, limit));
    },
    onRuns,
    onBug: options.onBug,
  });
  const app = createApp({
    version,
    clock,
    ids,
    family,
    sources,
    views,
    access,
    intake,
    landing,
    changeActs: createChangeActs({ ...sources, clock, intake }),
    releaseActs,
    trains,
    upkeep,
    maintenanceActs: createMaintenanceActs({ ...sources, clock, ids, forge, intake }),
    verdictActs: createVerdictActs({ ...sources, clock, ids, forge, journal, intake }),
    sharedActs,
    pinActs,
    promotion,
    auditor,
    runActs: createRunActs({ ...sources, clock, ids, onRuns }),
    results,
    jobs,
    branches: () => branchesOf(store),
    proof: { store, blobs, keyring, pins: pinReader({ store, git, family }) },
    capabilities: () => executor.capabilities(),
    backup: async () => {
      const stream = await openBackup(home, store, ids);
      if (!stream.ok) return Response.json({ error: stream.error }, { status: 400 });
      return new Response(Readable.toWeb(stream.value), { headers: { "content-type": "application/gzip" } });
    },
    sessions: createSessions(access, signIns),
    signIns,
    events,
    gitDoor,
    registryDoor: registryDoor.handle,
    hosts: () => (options.listen ? hostNames(url, options.publicUrl) : new Set<string>()),
    anonymousRead,
    ready: () => ready,
    metrics: createMetrics({ store, journal }),
    pages: createPages({ views, results, clock, assets: options.installed.assets }),
    onBug: options.onBug,
  });

  // What the HTTP server hands on goes along: the registry sends blobs over the connection itself.
  const fetch = async (request: Request, env?: Connections) => await app.fetch(request, env);
  const { missing } = await executor.isolation();
  const release = async () => {
    await building.close();
    await executor.close();
    await gitDoor.close();
    git.close();
    await store.close();
    await unlock();
  };
  if (!options.listen) {
    return ok({ url, home, firstStart: first, settled: Promise.resolve(), missing, fetch, stop: release });
  }
  const listening = await listen(fetch, host, options.listen.port);
  if (!listening.ok) {
    await release();
    return listening;
  }
  const { server, port } = listening.value;
  const shown = loopback ? host : "127.0.0.1";
  url = options.publicUrl ?? `http://${shown.includes(":") ? `[${shown}]` : shown}:${port}`;
  await ensureAdministrator();
  await writePrivate(
    home.serverFile,
    JSON.stringify({ url, pid: process.pid, startedAt: new Date(clock.now()).toISOString() }),
  );
  await journal.start([landing.handler, canaries, ...releases, withdrawals]);

  async function ensureAdministrator(): Promise<void> {
    const known = await readFile(home.adminToken, "utf8").catch(() => "");
    if ((await access.principalOf(known.trim())) !== undefined) return;
    const { token } = await access.create({
      user: "admin",
      role: "administrator",
      components: undefined,
      lifetimeMs: undefined,
      by: "first start",
    });
    await writePrivate(home.adminToken, `${token}\n`);
  }

  let stopped = false;
  let cancelReconcile = () => {};
  let cancelCollection = () => {};
  async function takeIn(): Promise<void> {
    for (const component of family().components) {
      if (stopped) return;
      const progress = (_name: string, line: string) => options.tell(`${component.name}: ${line}`);
      await adoptComponent({ store, clock, git, progress }, component);
      const row = await findComponent(store, component.name);
      if (row?.state === "unreachable") options.tell(`${component.name}: ${row.state_detail}`);
      await mendChangeRefs(store, git, component.name);
    }
    await intake.recover();
    await mirrorQueue.start();
    const left = await clusters.sweep();
    if (left > 0) options.tell(`removed ${left} clusters that an earlier server left running`);
    await scheduler.start();
    ready = true;
    ticker.start();
    weeklyBuilds.start();
    auditor.start();
    trains.begin();
    upkeep.start();
    scheduleReconcile();
    scheduleCollection();
  }
  /** Blobs that nothing refers to any more go a day after they were last touched. */
  function scheduleCollection(): void {
    cancelCollection = clock.after(collectEveryMs, () => {
      void collector
        .collect()
        .then((collected) => {
          if (!collected.ok) options.tell(`blobs were not collected: ${collected.error.message}`);
        }, options.onBug)
        .finally(() => {
          if (!stopped) scheduleCollection();
        });
    });
  }
  function scheduleReconcile(): void {
    cancelReconcile = clock.after(reconcileEveryMs, () => {
      void reconcileAll().finally(() => {
        if (!stopped) scheduleReconcile();
      });
    });
  }
  async function reconcileAll(): Promise<void> {
    await refreshConfiguration().catch(options.onBug);
    for (const component of family().components) {
      if (stopped) return;
      const row = await findComponent(store, component.name);
      if (row?.state !== "adopted") await adoptComponent({ store, clock, git, progress: () => {} }, component);
      await intake.reconcile(component.name).catch(options.onBug);
    }
  }
  /** A configuration with an error leaves the last good one in force; the log and the pages say so. */
  async function refreshConfiguration(): Promise<void> {
    const refreshed = await configuration.refresh();
    if (refreshed === "changed")
      options.tell(`the configuration changed: ${family().configHash.slice(0, 12)} is in force`);
    const problem = configuration.problem();
    if (refreshed === "refused" && problem)
      options.tell(`the last good configuration stays in force: ${describeFault(problem)}`);
  }
  const settled = takeIn().catch(options.onBug);

  async function stop(): Promise<void> {
    if (stopped) return;
    stopped = true;
    cancelReconcile();
    cancelCollection();
    ticker.stop();
    weeklyBuilds.stop();
    events.close();
    server.close();
    if ("closeAllConnections" in server) server.closeAllConnections();
    await settled;
    await trains.close();
    await upkeep.stop();
    await scheduler.stop();
    await auditor.stop();
    await mirrorQueue.stop();
    await journal.stop();
    await removeServerFile(home);
    await release();
  }

  return ok({ url, home, firstStart: first, settled, missing, fetch, stop });
}

async function listen(
  fetch: (request: Request, env: Connections) => Response | Promise<Response>,
  host: string,
  port: number,
): Promise<Result<{ readonly server: Server; readonly port: number }>> {
  const server = createAdaptorServer({ fetch, overrideGlobalObjects: false });
  const failure = await new Promise<Fault | undefined>((done) => {
    server.once("error", (error) => {
      const inUse = "code" in error && error.code === "EADDRINUSE";
      done(
        inUse
          ? fault("conflict", `port ${port} on ${host} is in use`, { hint: `choose another: --port ${port + 1}` })
          : fault("unavailable", `${host}:${port} cannot be listened on: ${error.message}`),
      );
    });
    server.listen(port, host, () => done(undefined));
  });
  if (failure) return err(failure);
  const address = server.address();
  const bound = typeof address === "object" && address ? address.port : port;
  if (!("closeAllConnections" in server)) throw new Error("not an HTTP/1 server");
  // Large layers may take long to send.
  server.requestTimeout = longestRequestMs;
  return ok({ server, port: bound });
}

function hostNames(url: string, publicUrl: string | undefined): ReadonlySet<string> {
  const { port } = new URL(url);
  const own = ["127.0.0.1", "localhost", "[::1]"].map((name) => (port === "" ? name : `${name}:${port}`));
  return new Set([...own, new URL(url).host, ...(publicUrl === undefined ? [] : [new URL(publicUrl).host])]);
}

function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
