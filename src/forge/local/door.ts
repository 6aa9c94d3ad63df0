import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { chmod, copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { Ids } from "../../core/index.ts";
import { type Principal, roleAtLeast } from "../../family/index.ts";
import { type Git, spawnGit } from "../../git/index.ts";
import type { GitDoor, PushHandler } from "../model.ts";
import { openPushSocket } from "./push-socket.ts";

export interface GitDoorOptions {
  readonly git: Git;
  readonly ids: Ids;
  readonly handler: PushHandler;
  /** The hook's program file. */
  readonly hookFile: string;
  /** Largest push in bytes; default 2 GiB. */
  readonly maxPushBytes?: number;
  readonly onBug: (error: unknown) => void;
}

type Service = "git-upload-pack" | "git-receive-pack";

/** Git's smart protocol over HTTP for hosted repositories, without a CGI between. */
export async function createGitDoor(options: GitDoorOptions): Promise<GitDoor> {
  const socket = await openPushSocket(options.ids, options.handler, options.onBug);
  const hooked = new Set<string>();

  async function installHook(directory: string): Promise<void> {
    if (hooked.has(directory)) return;
    const program = join(directory, "hooks", "proc-receive.mjs");
    await copyFile(options.hookFile, program);
    const hook = join(directory, "hooks", "proc-receive");
    await writeFile(hook, `#!/bin/sh\nexec ${shellWord(process.execPath)} ${shellWord(program)}\n`);
    await chmod(hook, 0o700);
    hooked.add(directory);
  }

  async function serve(
    request: Request,
    component: string,
    service: Service,
    advertise: boolean,
    principal: Principal,
  ): Promise<Response> {
    const repository = await options.git.open(component);
    const push = service === "git-receive-pack" && !advertise ? socket.admit(component, principal) : undefined;
    if (push) await installHook(repository.directory);
    const limit = `receive.maxInputSize=${options.maxPushBytes ?? 2 * 1024 ** 3}`;
    const args = [
      "-c",
      limit,
      service.slice("git-".length),
      "--stateless-rpc",
      ...(advertise ? ["--http-backend-info-refs"] : []),
      repository.directory,
    ];
    const protocol = request.headers.get("git-protocol") ?? "";
    const child = spawnGit(args, {
      env: {
        ...(/^[\w=:.-]{1,200}$/.test(protocol) ? { GIT_PROTOCOL: protocol } : {}),
        ...(push ? { FAIRLEAD_PUSH_SOCKET: socket.path, FAIRLEAD_PUSH_SECRET: push.secret } : {}),
      },
    });
    const end = () => {
      push?.end();
    };
    child.on("close", end);
    child.on("error", end);
    child.stderr.resume();
    child.stdin.on("error", () => undefined);
    feed(request, child);
    request.signal.addEventListener("abort", () => child.kill("SIGKILL"), { once: true });
    const header =
      advertise && !(service === "git-upload-pack" && /version=2/.test(protocol)) ? announcement(service) : undefined;
    return new Response(bodyOf(child, header), {
      headers: {
        "content-type": `application/x-${service}-${advertise ? "advertisement" : "result"}`,
        "cache-control": "no-cache",
      },
    });
  }

  return {
    handle: async (request, component, path, principal) => {
      const url = new URL(request.url);
      const wanted = path === "info/refs" ? url.searchParams.get("service") : path;
      if (wanted !== "git-upload-pack" && wanted !== "git-receive-pack") {
        return new Response("only git's smart protocol is spoken here\n", { status: 404 });
      }
      if (wanted === "git-receive-pack" && !roleAtLeast(principal.role, "contributor")) {
        return new Response("pushing needs a contributor's token\n", { status: 403 });
      }
      if (path === "info/refs") return await serve(request, component, wanted, true, principal);
      if (request.method !== "POST") return new Response("POST only\n", { status: 405 });
      return await serve(request, component, wanted, false, principal);
    },
    close: () => socket.close(),
  };
}

function feed(request: Request, child: ChildProcessWithoutNullStreams): void {
  if (!request.body) {
    child.stdin.end();
    return;
  }
  const body = Readable.fromWeb(request.body);
  body.on("error", () => child.kill("SIGKILL"));
  if (request.headers.get("content-encoding") !== "gzip") {
    body.pipe(child.stdin);
    return;
  }
  const unzipped = body.pipe(createGunzip());
  unzipped.on("error", () => child.kill("SIGKILL"));
  unzipped.pipe(child.stdin);
}

function bodyOf(child: ChildProcessWithoutNullStreams, header: string | undefined): ReadableStream<Uint8Array> {
  const chunks = child.stdout.iterator();
  let first = header;
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      if (first !== undefined) {
        controller.enqueue(new TextEncoder().encode(first));
        first = undefined;
        return;
      }
      const next = await chunks.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    // A client that goes away ends git, so that nothing works for nobody.
    cancel: () => {
      child.kill("SIGKILL");
    },
  });
}

function announcement(service: Service): string {
  const line = `# service=${service}\n`;
  return `${(line.length + 4).toString(16).padStart(4, "0")}${line}0000`;
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
