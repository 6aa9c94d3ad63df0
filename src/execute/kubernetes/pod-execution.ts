import { type Clock, formatGoDuration, type Result } from "../../core/index.ts";
import type { JsonObject } from "../../jobs/index.ts";
import type { Execution, ExecutionSpec, Outcome } from "../model.ts";
import { createCarrier } from "./carrier.ts";
import type { OpenCluster } from "./cluster.ts";
import { type SeenPod, type Standing, standingOf } from "./pod-state.ts";

/** Prow's `pod_unscheduled_timeout` and `pod_pending_timeout`. */
const unscheduledMs = 5 * 60_000;
const pendingMs = 10 * 60_000;
/** A cluster that is silent for so long is taken for dead. */
const silenceMs = 5 * 60_000;
/** From the signal that kills until the pod itself is removed. */
const killMs = 15_000;
const quotaPauseMs = 5_000;

type End = Pick<Outcome, "kind" | "exitCode" | "description" | "again">;

/**
 * One pod from its creation to its removal: made, given its files, followed, and what it left brought back. What it came
 * to is what the kubelet says of its container; whatever ends it from outside is told apart (`standingOf`).
 */
export function carryOut(options: {
  readonly cluster: OpenCluster;
  readonly clock: Clock;
  readonly spec: ExecutionSpec;
  readonly name: string;
  readonly manifest: JsonObject;
  readonly image: string;
}): Execution {
  const { cluster, clock, spec, name } = options;
  let seen: SeenPod | undefined;
  let standing: Standing | undefined;
  let gone = false;
  let silent = 0;
  let ending: { readonly kind: "timed-out" | "aborted" | "limit"; readonly description: string } | undefined;
  let late: string | undefined;
  let forced = false;
  let running = false;
  let over = false;
  let changed = false;
  let wake = () => {};
  const timers = new Set<() => void>();
  const givenUp = new AbortController();
  const endFollowing = new AbortController();
  let following = Promise.resolve();

  const poke = () => {
    changed = true;
    wake();
  };
  const change = async () => {
    if (!changed)
      await new Promise<void>((done) => {
        wake = done;
      });
    changed = false;
  };
  const after = (ms: number, action: () => void) => timers.add(clock.after(ms, action));
  const alive = () => !gone && !over && !forced && standing?.at !== "lost";

  const expected = cluster.watch.expect(name, (news) => {
    if (news.kind === "gone") gone = true;
    else if (news.kind === "silent") silent = news.ms;
    else {
      silent = 0;
      seen = news.pod;
      // What ended stays ended, whatever is done to its pod afterwards.
      if (standing?.at !== "ended") standing = standingOf(news.pod);
    }
    poke();
  });
  const carrier = createCarrier({
    cluster,
    clock,
    spec,
    pod: name,
    signal: givenUp.signal,
    onLimit: (what) => interrupt("limit", what),
  });

  function interrupt(kind: "timed-out" | "aborted" | "limit", description: string): void {
    if (over || ending || standing?.at === "ended") return;
    ending = { kind, description };
    if (!running) givenUp.abort();
    else if (kind === "limit") kill();
    else {
      void carrier.signal("INT", alive);
      after(spec.graceMs, kill);
    }
    poke();
  }

  function kill(): void {
    if (over) return;
    void carrier.signal("KILL", alive);
    after(killMs, () => {
      forced = true;
      poke();
    });
  }

  async function create(): Promise<Result<void>> {
    const until = clock.now() + (spec.pod?.unscheduledMs ?? unscheduledMs);
    for (;;) {
      const made = await cluster.create(options.manifest);
      if (made.ok || made.error.code !== "unavailable" || ending || clock.now() >= until) return made;
      await new Promise<void>((done) => clock.after(quotaPauseMs, done));
    }
  }

  function begin(): void {
    running = true;
    after(spec.timeoutMs, () => interrupt("timed-out", `did not finish within ${formatGoDuration(spec.timeoutMs)}`));
    following = carrier.follow(endFollowing.signal);
  }

  /** Prow 5.2: its words stand first, since readers tell causes by them. */
  function waitAtMost(): void {
    after(spec.pod?.unscheduledMs ?? unscheduledMs, () => {
      if (standing === undefined || (standing.at === "waiting" && standing.for === "node"))
        late = `Pod scheduling timeout. ${standing?.detail ?? ""}`.trim();
      poke();
    });
    after(spec.pod?.pendingMs ?? pendingMs, () => {
      if (!running && standing?.at !== "ended")
        late ??= `Pod pending timeout. ${standing?.at === "waiting" ? standing.detail : ""}`.trim();
      poke();
    });
  }

  const lost = (description: string, again: Outcome["again"]): End => ({
    kind: "lost",
    exitCode: -1,
    description,
    again,
  });
  const never = (description: string): End => ({ kind: "could-not-start", exitCode: 127, description });
  const ended = (): End | undefined => ending && { ...ending, exitCode: ending.kind === "aborted" ? 130 : 127 };

  /** How it ended, once it has. */
  function endNow(): End | undefined {
    if (standing?.at === "ended") return ended() ?? verdict(standing, spec);
    // Before that it is gone: what was seen of it says why.
    if (standing?.at === "lost") return ended() ?? lost(`Pod ${standing.detail}`, standing.again);
    if (forced || gone || (ending && !running)) {
      return ended() ?? lost("Pod vanished: somebody or something removed it from the cluster", "stopped");
    }
    if (silent >= silenceMs)
      return ended() ?? lost(`the cluster did not answer for ${formatGoDuration(silenceMs)}`, "stopped");
    if (standing?.at === "over-limit") return { kind: "limit", exitCode: 137, description: standing.detail };
    if (standing?.at === "too-late") return ended() ?? lost("Pod outlived its deadline", undefined);
    if (standing?.at === "impossible") return ended() ?? never(`Pod cannot run: ${standing.detail}`);
    if (late !== undefined && !running) return ended() ?? never(late);
    return undefined;
  }

  async function drive(): Promise<End> {
    const made = await create();
    if (!made.ok) {
      const { message, hint } = made.error;
      return ended() ?? never(`Pod can not be created: ${message}${hint === undefined ? "" : ` (${hint})`}`);
    }
    expected.created();
    waitAtMost();
    let delivered = false;
    for (;;) {
      const end = endNow();
      if (end) return end;
      if (standing?.at === "receiving" && !delivered) {
        const put = await carrier.deliver(() => alive() && standing?.at === "receiving" && !ending);
        delivered = put.ok;
        if (!put.ok && endNow() === undefined && standing?.at === "receiving")
          return ended() ?? lost(`its files could not be brought into it: ${put.error.message}`, "stopped");
        continue;
      }
      if (standing?.at === "running" && !running) begin();
      await change();
    }
  }

  async function conclude(): Promise<Outcome> {
    let end = await drive();
    endFollowing.abort();
    await following;
    if (standing?.at === "ended") {
      const collected = await carrier.collect(() => !gone && !over, end.kind === "limit");
      if (!collected.ok) {
        const { message, code } = collected.error;
        if (ending || end.exitCode !== 0)
          spec.onOutput(Buffer.from(`fairlead: not all could be brought back: ${message}\n`));
        else if (code === "limit") end = { kind: "limit", exitCode: 127, description: message };
        else end = lost(`what it left could not be brought back: ${message}`, "stopped");
      }
    }
    over = true;
    for (const cancel of timers) cancel();
    givenUp.abort();
    const podInfo = gone ? undefined : await cluster.describe(name);
    await cluster.remove(name);
    expected.end();
    const digest = /sha256:[0-9a-f]{64}$/.exec(seen?.job?.imageId ?? "")?.[0];
    return {
      ...end,
      reached: [],
      ...(digest === undefined ? {} : { image: { name: options.image, digest } }),
      ...(podInfo === undefined ? {} : { podInfo }),
    };
  }

  return {
    pid: undefined,
    outcome: conclude(),
    abort: (reason) => interrupt("aborted", `was aborted: ${reason}`),
  };
}

function verdict(standing: Standing & { readonly at: "ended" }, spec: ExecutionSpec): End {
  const { exitCode, outOfMemory, message } = standing;
  if (outOfMemory) return { kind: "limit", exitCode, description: "took more than its memory" };
  const forks = `took more than its ${spec.limits.processes} processes`;
  if (exitCode !== 0 && message === forks) return { kind: "limit", exitCode, description: forks };
  return { kind: "exited", exitCode, description: `exited with ${exitCode}` };
}
