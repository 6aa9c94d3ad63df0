import { connect } from "node:net";
import { join } from "node:path";
import { type Clock, err, type Fault, fault, humanDuration, ok, type Result } from "../../core/index.ts";
import type { ClusterAdapter } from "./adapter.ts";
import { collectObjects } from "./collect.ts";
import { readContext, serverOf } from "./kubeconfig.ts";
import { kubectlOn, serverVersion } from "./kubectl.ts";
import type { Cluster, ClusterSpec, Collected, RunningCluster } from "./model.ts";
import type { RunProgram } from "./programs.ts";
import { type ClusterRecord, type ClusterRecords, killProgram, startOf } from "./records.ts";
import { checkVersion } from "./version.ts";

/** How often a running cluster is asked whether it is there, and how often it may not answer. */
const probeMs = 10_000;
const mostSilences = 3;
const collectMs = 120_000;
/** A removal that takes longer has failed, and is tried again at the next start. */
const removeMs = 600_000;

export interface LifetimeOptions {
  readonly adapter: ClusterAdapter;
  readonly records: ClusterRecords;
  readonly clock: Clock;
  readonly run: RunProgram;
  /** For what is said when no run listens: sweeping, the end of a time limit. */
  readonly log: (line: string) => void;
  /** Does anything accept connections there? For tests. */
  readonly answers?: (host: string, port: number) => Promise<boolean>;
}

/**
 * A source of clusters around an adapter: a record before anything is started, limits of time, the version compared with
 * the one wanted, removal once and for all, and sweeping what dead boots left.
 */
export function createCluster(options: LifetimeOptions): Cluster {
  const { adapter, records, clock, run } = options;
  const answers = options.answers ?? acceptsConnections;
  const live = new Set<string>();

  async function remove(record: ClusterRecord, log: (line: string) => void): Promise<Result<void>> {
    await killProgram(record);
    const late = new AbortController();
    const cancel = clock.after(removeMs, () =>
      late.abort(timeout(`removing it took longer than ${humanDuration(removeMs)}`)),
    );
    const removed = await adapter.remove(record, { signal: late.signal, log }).finally(cancel);
    if (!removed.ok) return removed;
    await records.remove(record.name);
    return ok(undefined);
  }

  async function up(spec: ClusterSpec, signal: AbortSignal): Promise<Result<RunningCluster>> {
    let record: ClusterRecord = {
      kind: adapter.kind,
      name: nameOf(spec.runId),
      runId: spec.runId,
      folder: spec.folder,
      state: {},
    };
    if (live.has(record.name)) return err(fault("conflict", `cluster ${record.name} is already there`));
    live.add(record.name);
    const write = async (change: Partial<ClusterRecord>) => {
      record = { ...record, ...change };
      await records.write(record);
    };
    await write({});
    const late = new AbortController();
    const cancel = clock.after(spec.readyWithinMs, () =>
      late.abort(timeout(`it was not ready within ${humanDuration(spec.readyWithinMs)}`)),
    );
    const both = AbortSignal.any([signal, late.signal]);
    const failed = async (why: Fault): Promise<Result<never>> => {
      const removed = await remove(record, spec.log);
      live.delete(record.name);
      if (removed.ok) return err(why);
      return err({
        ...why,
        message: `${why.message}; and it could not be removed: ${removed.error.message}`,
        hint: removed.error.hint,
      });
    };
    try {
      const started = await adapter.start({
        spec,
        record,
        signal: both,
        log: spec.log,
        remember: async (state) => write({ state: { ...record.state, ...state } }),
        started: async (group) => {
          const startedAt = await startOf(group);
          if (startedAt !== undefined) await write({ program: { group, startedAt } });
        },
      });
      if (!started.ok) return await failed(started.error);
      const context = await readContext(started.value.kubeconfig);
      if (!context.ok) return await failed(context.error);
      const version = await serverVersion(kubectlOn(run, adapter.kubectl, started.value.kubeconfig), both);
      if (!version.ok) return await failed(version.error);
      const same = checkVersion(spec.version, version.value);
      if (!same.ok) return await failed(same.error);
      spec.log(`Kubernetes ${version.value} at ${context.value.server}`);
      return ok(running(spec, () => record, started.value, serverOf(context.value), version.value));
    } finally {
      cancel();
    }
  }

  function running(
    spec: ClusterSpec,
    record: () => ClusterRecord,
    found: { readonly kubeconfig: string; readonly namespace: string | undefined },
    server: RunningCluster["server"],
    kubernetes: string,
  ): RunningCluster {
    const { name } = record();
    let removing: Promise<Result<void>> | undefined;
    let lose: (why: string) => void = () => {};
    const lost = new Promise<string>((settle) => {
      lose = settle;
    });
    const over = new AbortController();
    const cancels: (() => void)[] = [];

    const down = (): Promise<Result<void>> => {
      for (const cancel of cancels.splice(0)) cancel();
      over.abort(new Error("the cluster is taken down"));
      removing ??= remove(record(), spec.log).then((removed) => {
        if (removed.ok) live.delete(name);
        else removing = undefined;
        return removed;
      });
      return removing;
    };
    const end = (why: string) => {
      spec.log(why);
      lose(why);
      void down().then((removed) => {
        if (!removed.ok) options.log(`cluster ${name} is still there: ${removed.error.message}`);
      });
    };
    cancels.push(
      clock.after(spec.limitMs, () => end(`the cluster's time limit of ${humanDuration(spec.limitMs)} is over`)),
    );
    let silences = 0;
    const probe = () => {
      cancels.push(
        clock.after(probeMs, () => {
          void answers(server.host, server.port).then((there) => {
            if (over.signal.aborted) return;
            silences = there ? 0 : silences + 1;
            if (silences < mostSilences) probe();
            else end(`the cluster is dead: nothing answers at ${server.host}:${server.port}`);
          });
        }),
      );
    };
    probe();

    return {
      name,
      kubeconfig: found.kubeconfig,
      server,
      namespace: found.namespace,
      evidence: {
        kubernetes,
        nodeImage: record().state["nodeImage"],
        sourceRevision: record().state["sourceRevision"],
      },
      lost,
      down,
      load: (images, signal) =>
        adapter.load(record(), images, { signal: AbortSignal.any([signal, over.signal]), log: spec.log }),
      collect: (folder) => collect(record(), found, folder, spec.log),
    };
  }

  async function collect(
    record: ClusterRecord,
    found: { readonly kubeconfig: string; readonly namespace: string | undefined },
    folder: string,
    log: (line: string) => void,
  ): Promise<Collected> {
    const late = new AbortController();
    const cancel = clock.after(collectMs, () => late.abort(timeout("collecting took too long")));
    try {
      const kubectl = kubectlOn(run, adapter.kubectl, found.kubeconfig);
      const objects = await collectObjects(kubectl, folder, found.namespace, late.signal);
      const what = "logs of Kubernetes itself";
      if (!adapter.logs)
        return {
          ...objects,
          missing: [...objects.missing, { what, reason: `a cluster of kind ${adapter.kind} does not give them` }],
        };
      const logs = await adapter.logs(record, join(folder, "kubernetes"), { signal: late.signal, log });
      if (logs.ok) return { ...objects, files: [...objects.files, "kubernetes/"] };
      return { ...objects, missing: [...objects.missing, { what, reason: logs.error.message }] };
    } finally {
      cancel();
    }
  }

  async function sweep(): Promise<number> {
    let count = 0;
    for (const read of await records.all()) {
      if (!read.ok) options.log(read.error.message);
      if (!read.ok || read.value.kind !== adapter.kind || live.has(read.value.name)) continue;
      const removed = await remove(read.value, options.log);
      if (removed.ok) count++;
      else
        options.log(`cluster ${read.value.name} of run ${read.value.runId} is still there: ${removed.error.message}`);
    }
    return count;
  }

  return { kind: adapter.kind, up, sweep, capability: adapter.capability };
}

/** A name that kind, Kubernetes and file systems take. */
export function nameOf(runId: string): string {
  const plain = runId
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 40);
  return `fairlead-${plain.replace(/^-+|-+$/g, "")}`;
}

function timeout(message: string): Error {
  const error = new Error(message);
  error.name = "TimeoutError";
  return error;
}

function acceptsConnections(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host, port, timeout: 5000 });
    const end = (there: boolean) => () => {
      socket.destroy();
      done(there);
    };
    socket.once("connect", end(true));
    socket.once("error", end(false));
    socket.once("timeout", end(false));
  });
}
