import { type Clock, err, fault, type Millis, ok, type Result } from "../../core/index.ts";

/** One request as it goes out: nothing is followed, repeated or added to it here but who we are. */
export interface WireRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: ReadableStream<Uint8Array> | Uint8Array | undefined;
  /** Nothing heard, or nothing taken of what is sent, for so long: the connection is given up. */
  readonly withinMs: Millis;
}

export interface Wire {
  /** Whatever the host says; fault `unavailable` when it cannot be reached, hangs, or breaks off. */
  send(request: WireRequest): Promise<Result<Response>>;
}

/** The one place from which registries are asked. A body that stands still as long as `withinMs` errors. */
export function createWire(clock: Clock): Wire {
  return {
    send: async ({ method, url, headers, body, withinMs }) => {
      const stopped = new AbortController();
      const patience = createPatience(clock, withinMs, () =>
        stopped.abort(new Error(`nothing was heard for ${Math.round(withinMs / 1000)} s`)),
      );
      const sent =
        body instanceof ReadableStream
          ? watched(body, { onPiece: patience.begin, onEnd: patience.begin, onLeft: () => {} })
          : body;
      const init: RequestInit & { duplex?: "half" } = {
        method,
        redirect: "manual",
        headers: { "user-agent": "fairlead", ...headers },
        signal: stopped.signal,
        ...(sent === undefined ? {} : { body: sent, duplex: "half" }),
      };
      try {
        const response = await fetch(url, init);
        patience.begin();
        if (!response.body) {
          patience.end();
          return ok(response);
        }
        const { status } = response;
        // Between two pieces it is the reader that takes its time, which is not the host's fault.
        const answer = watched(response.body, {
          onAsk: patience.begin,
          onPiece: patience.pause,
          onEnd: patience.end,
          onLeft: patience.end,
        });
        return ok(new Response(answer, { status, headers: response.headers }));
      } catch (error) {
        patience.end();
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
        const why = cause instanceof Error ? cause.message : String(cause);
        return err(fault("unavailable", `${url.host} could not be reached: ${why}`, { cause: error }));
      }
    },
  };
}

interface Patience {
  /** Something moved: the wait begins anew. */
  begin(): void;
  pause(): void;
  end(): void;
}

function createPatience(clock: Clock, ms: Millis, onEnd: () => void): Patience {
  let cancel = clock.after(ms, onEnd);
  let over = false;
  return {
    begin: () => {
      cancel();
      if (!over) cancel = clock.after(ms, onEnd);
    },
    pause: () => cancel(),
    end: () => {
      over = true;
      cancel();
    },
  };
}

interface Watch {
  onAsk?(): void;
  onPiece(): void;
  onEnd(): void;
  /** The reader gave up, or the source broke. */
  onLeft(): void;
}

/** Passes the bytes on, and tells of each piece. */
function watched(body: ReadableStream<Uint8Array>, watch: Watch): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        watch.onAsk?.();
        try {
          const { done, value } = await reader.read();
          if (done) {
            watch.onEnd();
            controller.close();
            return;
          }
          watch.onPiece();
          controller.enqueue(value);
        } catch (error) {
          watch.onLeft();
          controller.error(error);
        }
      },
      cancel: async (reason) => {
        watch.onLeft();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
