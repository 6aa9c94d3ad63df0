import type { Clock } from "../../core/index.ts";
import { type KubernetesApi, waitBefore } from "./api.ts";
import { listOf, objectOf, type SeenPod, seenPod, textOf } from "./pod-state.ts";

export type PodNews =
  | { readonly kind: "seen"; readonly pod: SeenPod }
  /** It is in the cluster no more. */
  | { readonly kind: "gone" }
  /** The cluster does not answer, for so long by now. */
  | { readonly kind: "silent"; readonly ms: number };

const shortestWatchMs = 250;

export interface PodWatch {
  /** From before its creation on: a pod of this home that nobody expects is removed. */
  expect(name: string, onNews: (news: PodNews) => void): { created(): void; end(): void };
  close(): void;
}

/**
 * All pods of one home in one namespace, by one watch (list, then watch from there; again after 410 or when it was
 * closed). A list ends what is expected and was not there though created before it began.
 */
export function watchPods(options: {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  /** `/api/v1/namespaces/N/pods`. */
  readonly path: string;
  readonly selector: string;
  /** A pod with our mark that no execution expects. */
  readonly onStray: (name: string) => void;
}): PodWatch {
  const { api, clock } = options;
  const stop = new AbortController();
  const expected = new Map<string, { readonly onNews: (news: PodNews) => void; created: boolean }>();
  const known = new Map<string, SeenPod>();
  let silentSince: number | undefined;
  let wake = () => {};
  let cancelPause = () => {};

  const query = (more: Readonly<Record<string, string>>) =>
    `${options.path}?${new URLSearchParams({ labelSelector: options.selector, ...more }).toString()}`;

  function tell(pod: SeenPod): void {
    known.set(pod.name, pod);
    const waiting = expected.get(pod.name);
    if (waiting) waiting.onNews({ kind: "seen", pod });
    else if (!pod.deleting) options.onStray(pod.name);
  }

  async function list(): Promise<string | undefined> {
    const before = new Set([...expected].filter(([, each]) => each.created).map(([name]) => name));
    const present = new Set<string>();
    let next = "";
    let version = "";
    do {
      const answered = await api.call("GET", query({ limit: "500", ...(next === "" ? {} : { continue: next }) }));
      if (!answered.ok || answered.value.status !== 200) return undefined;
      const { body } = answered.value;
      for (const item of listOf(body.items)) {
        const pod = seenPod(item);
        if (!pod) continue;
        present.add(pod.name);
        tell(pod);
      }
      const metadata = objectOf(body.metadata);
      version = textOf(metadata.resourceVersion);
      next = textOf(metadata.continue);
    } while (next !== "");
    for (const name of known.keys()) if (!present.has(name)) known.delete(name);
    for (const name of before) if (!present.has(name)) expected.get(name)?.onNews({ kind: "gone" });
    return version;
  }

  async function pause(ms: number): Promise<void> {
    await new Promise<void>((done) => {
      wake = done;
      cancelPause = clock.after(ms, done);
    });
  }

  async function follow(): Promise<void> {
    let version: string | undefined;
    let failures = 0;
    while (!stop.signal.aborted) {
      version ??= await list();
      const from = version;
      let refused = false;
      let came = false;
      const ended =
        from === undefined
          ? undefined
          : await api.watch(
              query({ watch: "true", allowWatchBookmarks: "true", resourceVersion: from, timeoutSeconds: "290" }),
              (event) => {
                came = true;
                if (event.type === "ERROR") {
                  refused = true;
                  version = undefined;
                  return;
                }
                const now = textOf(objectOf(event.object.metadata).resourceVersion);
                if (version !== undefined && now !== "") version = now;
                const pod = event.type === "BOOKMARK" ? undefined : seenPod(event.object);
                if (!pod) return;
                if (event.type !== "DELETED") return tell(pod);
                known.delete(pod.name);
                expected.get(pod.name)?.onNews({ kind: "gone" });
              },
              stop.signal,
            );
      if (stop.signal.aborted) return;
      // A watch that ends after its time is no failure; one refused for its age begins with a list.
      const answered = ended?.ok === true || came;
      if (ended && !ended.ok && !came) version = undefined;
      failures = answered && !refused ? 0 : failures + 1;
      if (answered) silentSince = undefined;
      else {
        silentSince ??= clock.now();
        const ms = clock.now() - silentSince;
        for (const each of expected.values()) each.onNews({ kind: "silent", ms });
      }
      const asked = ended && !ended.ok ? ended.error.facts?.["retryAfter"] : undefined;
      // One that is closed at once must not be asked for in a circle.
      if (failures === 0 && !came) await pause(shortestWatchMs);
      if (failures > 0)
        await pause(waitBefore(Math.min(failures - 1, 6), typeof asked === "string" ? asked : undefined));
    }
  }

  const following = follow();
  return {
    expect: (name, onNews) => {
      const entry = { onNews, created: false };
      expected.set(name, entry);
      return {
        created: () => {
          entry.created = true;
          const already = known.get(name);
          if (already) onNews({ kind: "seen", pod: already });
        },
        end: () => {
          expected.delete(name);
        },
      };
    },
    close: () => {
      stop.abort();
      cancelPause();
      wake();
      void following;
    },
  };
}
