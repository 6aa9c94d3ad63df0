import { lookup } from "node:dns/promises";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, isIP, type Socket } from "node:net";
import type { Service } from "../model.ts";
import { isPublicAddress } from "./addresses.ts";

export interface EgressProxy {
  /** What was asked for, in order of first asking. */
  reached(): readonly { readonly target: string; readonly allowed: boolean }[];
  close(): void;
}

export interface EgressOptions {
  /** Path of the Unix socket to listen on; its folder belongs to one run alone. */
  readonly socket: string;
  /** `host:port` that may be reached though not public. */
  readonly reachable: readonly string[];
  /** Host names answered here. */
  readonly services?: Readonly<Record<string, Service>> | undefined;
  /** All addresses of a name; for tests. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

const mostTargets = 200;
const connectTimeoutMs = 30_000;
/** Large layers may take long to send. */
const longestRequestMs = 6 * 3_600_000;

/**
 * The only way out of the cage: HTTP and CONNECT. Names are resolved here and the checked address is the one connected
 * to, so a name that answers differently the second time reaches nothing else.
 */
export async function startEgressProxy(options: EgressOptions): Promise<EgressProxy> {
  const resolve = options.resolve ?? resolveAll;
  const services = new Map(Object.entries(options.services ?? {}));
  const reached = new Map<string, boolean>();
  const sockets = new Set<Socket>();

  async function addressOf(host: string, port: number): Promise<string | undefined> {
    const target = `${host}:${port}`;
    const listed = options.reachable.includes(target);
    const addresses = isIP(host) === 0 ? await resolve(host).catch(() => []) : [host];
    const allowed = listed ? addresses : addresses.filter((address) => isPublicAddress(address));
    if (reached.size < mostTargets && (allowed.length > 0 || addresses.length > 0))
      reached.set(target, allowed.length > 0);
    return allowed[0];
  }

  async function onConnect(request: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    const target = parseTarget(request.url ?? "");
    // A service speaks plain HTTP: clients that try TLS first go on to that when refused.
    const address = target && !services.has(target.host) && (await addressOf(target.host, target.port));
    if (!target || !address) {
      client.end(
        "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nrefused by fairlead\n",
      );
      return;
    }
    const upstream = connect({ host: address, port: target.port, timeout: connectTimeoutMs });
    sockets.add(upstream);
    upstream.once("connect", () => {
      upstream.setTimeout(0);
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      if (head.length > 0) upstream.write(head);
      upstream.pipe(client);
      client.pipe(upstream);
    });
    const end = () => {
      sockets.delete(upstream);
      upstream.destroy();
      client.destroy();
    };
    upstream.once("timeout", end);
    upstream.once("error", end);
    upstream.once("close", end);
    client.once("error", end);
    client.once("close", end);
  }

  async function onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.canParse(request.url ?? "") ? new URL(request.url ?? "") : undefined;
    const port = url?.port ? Number(url.port) : 80;
    const service = url?.protocol === "http:" && port === 80 ? services.get(url.hostname) : undefined;
    if (service) return service(request, response);
    const address = url?.protocol === "http:" ? await addressOf(unbracketed(url.hostname), port) : undefined;
    if (!url || !address) {
      response.writeHead(403, { "content-type": "text/plain", connection: "close" });
      response.end("refused by fairlead: runs reach no loopback, link-local or private address\n");
      return;
    }
    const headers = { ...request.headers };
    delete headers["proxy-connection"];
    delete headers["proxy-authorization"];
    const upstream = httpRequest(
      { host: address, port, method: request.method, path: `${url.pathname}${url.search}`, headers, setHost: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    upstream.setTimeout(connectTimeoutMs * 10, () => upstream.destroy());
    upstream.once("error", () => {
      if (!response.headersSent) response.writeHead(502, { connection: "close" });
      response.end();
    });
    response.once("close", () => upstream.destroy());
    request.pipe(upstream);
  }

  const server = createServer((request, response) => {
    onRequest(request, response).catch(() => response.destroy());
  });
  server.requestTimeout = longestRequestMs;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  });
  server.on("connect", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    onConnect(request, socket, head).catch(() => socket.destroy());
  });
  await new Promise<void>((done, failed) => {
    server.once("error", failed);
    server.listen(options.socket, done);
  });
  return {
    reached: () => [...reached].map(([target, allowed]) => ({ target, allowed })),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function resolveAll(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true, verbatim: false })).map((entry) => entry.address);
}

function unbracketed(host: string): string {
  return host.startsWith("[") ? host.slice(1, -1) : host;
}

function parseTarget(text: string): { readonly host: string; readonly port: number } | undefined {
  if (text.length > 300 || !URL.canParse(`tcp://${text}`)) return undefined;
  const url = new URL(`tcp://${text}`);
  const port = Number(url.port);
  return url.hostname !== "" && port > 0 ? { host: unbracketed(url.hostname), port } : undefined;
}
