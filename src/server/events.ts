import type { Clock } from "../core/index.ts";
import { readFeed, type Store } from "../store/index.ts";

/** The stream behind `/api/v1/events`: server-sent events whose id is the feed's sequence, so that clients resume. */
export interface EventStream {
  open(after: number | undefined, signal: AbortSignal): Promise<Response>;
  close(): void;
}

const lookEveryMs = 250;
const beatEveryMs = 15_000;
const batch = 200;
const mostListeners = 500;

export function createEventStream(options: { readonly store: Store; readonly clock: Clock }): EventStream {
  const { store, clock } = options;
  const ends = new Set<() => void>();

  async function newest(): Promise<number> {
    const row = await store.db
      .selectFrom("feed")
      .select((eb) => eb.fn.max("seq").as("seq"))
      .executeTakeFirst();
    return Number(row?.seq ?? 0);
  }

  return {
    open: async (after, signal) => {
      if (ends.size >= mostListeners) return new Response("too many listeners", { status: 503 });
      let last = after ?? (await newest());
      let silentMs = 0;
      let cancel = () => {};
      let ended = false;
      const encode = new TextEncoder();
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          const end = () => {
            if (ended) return;
            ended = true;
            cancel();
            ends.delete(end);
            controller.close();
          };
          const look = async () => {
            if (ended) return;
            const rows = (controller.desiredSize ?? 0) > -batch ? await readFeed(store, last, batch) : [];
            if (ended) return;
            for (const row of rows) {
              last = row.seq;
              const data = JSON.stringify({ ...row, at: new Date(row.at).toISOString() });
              controller.enqueue(encode.encode(`id: ${row.seq}\nevent: ${row.topic}\ndata: ${data}\n\n`));
            }
            silentMs = rows.length > 0 ? 0 : silentMs + lookEveryMs;
            if (silentMs >= beatEveryMs) {
              silentMs = 0;
              controller.enqueue(encode.encode(": still here\n\n"));
            }
            cancel = clock.after(lookEveryMs, () => void look().catch(end));
          };
          ends.add(end);
          signal.addEventListener("abort", end, { once: true });
          controller.enqueue(encode.encode("retry: 1000\n\n"));
          void look().catch(end);
        },
        cancel: () => {
          ended = true;
          cancel();
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
    },
    close: () => {
      for (const end of [...ends]) end();
    },
  };
}
