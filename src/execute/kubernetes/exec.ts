import { type Clock, err, fault, ok, type Result } from "../../core/index.ts";
import type { Connection } from "./connection.ts";

/** A program started in a container of a pod, beside what runs there. */
export interface ExecCall {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly argv: readonly string[];
  /** Its standard input, read as fast as it is taken; not ended, since not every server can say so. */
  readonly input?: AsyncIterable<Uint8Array> | undefined;
  /** False: nothing more is wanted, and the call is given up. */
  readonly onOutput?: ((chunk: Buffer) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Given up when nothing came or went for so long. */
  readonly idleMs: number;
}

/** Fault `failed`: it ended with another code than 0, with what it said; `unavailable`: nobody saw how it ended. */
export type Exec = (call: ExecCall) => Promise<Result<void>>;

// Kubernetes' channels of remote commands: the first byte of each message.
const channels = { input: 0, output: 1, errors: 2, end: 3 } as const;
const sendAhead = 1024 * 1024;

/** By WebSocket, as kubectl since 1.31 and every server since 1.4 know it. */
export function createExec(connection: Connection, clock: Clock): Exec {
  return async (call) => {
    const { WebSocket } = await import("ws");
    const broken = (why: string) => err(fault("unavailable", `the way into ${call.pod} broke: ${why}`));
    const query = new URLSearchParams({ container: call.container, stdout: "true", stderr: "true" });
    if (call.input) query.set("stdin", "true");
    for (const argument of call.argv) query.append("command", argument);
    const url = new URL(
      `/api/v1/namespaces/${call.namespace}/pods/${call.pod}/exec?${query.toString()}`,
      connection.server,
    );
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const known = await connection.options().catch((cause: unknown) => broken(String(cause)));
    if ("ok" in known) return known;
    const { headers, ...options } = known;
    // Before there is a socket: one that is ended while it opens says so when nobody listens yet.
    if (call.signal?.aborted) return broken("it was given up");
    return await new Promise<Result<void>>((resolve) => {
      const socket = new WebSocket(url, ["v5.channel.k8s.io", "v4.channel.k8s.io"], {
        ...options,
        headers: Object.fromEntries(
          Object.entries(headers ?? {}).flatMap(([name, value]) =>
            typeof value === "string" ? [[name, value] as const] : [],
          ),
        ),
        handshakeTimeout: 30_000,
        perMessageDeflate: false,
      });
      let said = "";
      let cancelIdle = () => {};
      let settled = false;
      const settle = (result: Result<void>) => {
        if (settled) return;
        settled = true;
        cancelIdle();
        call.signal?.removeEventListener("abort", onAbort);
        resolve(result);
        socket.terminate();
      };
      const broke = (why: string) => settle(broken(why));
      const onAbort = () => broke("it was given up");
      const alive = () => {
        cancelIdle();
        cancelIdle = clock.after(call.idleMs, () => broke(`nothing came for ${call.idleMs / 1000} s`));
      };
      call.signal?.addEventListener("abort", onAbort, { once: true });
      alive();
      socket.on("message", (data: Buffer) => {
        alive();
        const rest = data.subarray(1);
        if (data[0] === channels.output) {
          if (call.onOutput?.(rest) === false) broke("what came is not wanted");
        } else if (data[0] === channels.errors) said = `${said}${rest.toString("utf8")}`.slice(-2000);
        else if (data[0] === channels.end) settle(endOf(rest.toString("utf8"), said));
      });
      socket.once("unexpected-response", (_request, response) => broke(`the server answers ${response.statusCode}`));
      socket.on("error", (cause) => broke(cause.message));
      socket.once("close", () => broke("it was closed"));
      socket.once("open", () => {
        if (call.input) void feed(call.input).catch((cause: unknown) => broke(String(cause)));
      });

      async function feed(input: AsyncIterable<Uint8Array>): Promise<void> {
        for await (const chunk of input) {
          if (settled) return;
          const sent = new Promise<void>((done, failed) =>
            socket.send(Buffer.concat([Buffer.of(channels.input), chunk]), (cause) => {
              alive();
              if (cause) failed(cause);
              else done();
            }),
          );
          if (socket.bufferedAmount > sendAhead) await sent;
          else sent.catch((cause: unknown) => broke(String(cause)));
        }
      }
    });
  };
}

/** The last message is a `Status`; its causes hold the exit code. */
function endOf(text: string, said: string): Result<void> {
  let status: unknown;
  try {
    status = JSON.parse(text);
  } catch {
    return err(fault("unavailable", "the server does not say how it ended"));
  }
  const succeeded = typeof status === "object" && status !== null && "status" in status && status.status === "Success";
  if (succeeded) return ok(undefined);
  const message =
    typeof status === "object" && status !== null && "message" in status ? String(status.message) : "it failed";
  return err(fault("failed", [message, said].join(": ").replaceAll(/\s+/g, " ").slice(0, 500)));
}
