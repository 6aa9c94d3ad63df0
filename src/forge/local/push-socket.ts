import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forOneLine, type Ids } from "../../core/index.ts";
import type { Principal } from "../../family/index.ts";
import type { CommandAnswer, PushHandler, RefCommand } from "../model.ts";

/** What the hook asks; anything else on the socket is refused. */
interface HookQuestion {
  readonly secret: string;
  readonly commands: readonly RefCommand[];
  readonly options: readonly string[];
}

export interface PushSocket {
  readonly path: string;
  /** Admits one push: the secret that its hook must show. `end` forgets it. */
  admit(component: string, principal: Principal): { readonly secret: string; end(): void };
  close(): Promise<void>;
}

const mostBytes = 4 * 1024 * 1024;

/**
 * Where hooks of pushes under way ask the server. In a folder of our own with mode 0700, so that no other user and no job
 * reaches it; each push shows a secret that ends with it.
 */
export async function openPushSocket(
  ids: Ids,
  handler: PushHandler,
  onBug: (error: unknown) => void,
): Promise<PushSocket> {
  const folder = await mkdtemp(join(tmpdir(), "fairlead-push-"));
  const path = join(folder, "s");
  const admitted = new Map<string, { component: string; principal: Principal }>();

  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = "";
    socket.setEncoding("utf8");
    socket.on("error", () => undefined);
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > mostBytes) socket.destroy();
    });
    socket.on("end", () => {
      answer(text)
        .then((answers) => socket.end(JSON.stringify(answers)))
        .catch((error: unknown) => {
          onBug(error);
          socket.destroy();
        });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });

  async function answer(text: string): Promise<readonly CommandAnswer[]> {
    const question: HookQuestion = JSON.parse(text);
    const push = admitted.get(question.secret);
    if (!push) return question.commands.map(({ ref }) => ({ ref, accepted: false, reason: "unknown push", lines: [] }));
    const answers = await handler.handlePush({ ...push, commands: question.commands, options: question.options });
    return answers.map((each) => ({
      ...each,
      reason: forOneLine(each.reason ?? "refused", 100),
      lines: each.lines.map((line) => forOneLine(line, 500)),
    }));
  }

  return {
    path,
    admit: (component, principal) => {
      const secret = ids.hex(16);
      admitted.set(secret, { component, principal });
      return { secret, end: () => admitted.delete(secret) };
    },
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
