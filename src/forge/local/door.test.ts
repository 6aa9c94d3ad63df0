import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { serve } from "@hono/node-server";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock, systemIds } from "../../core/index.ts";
import type { Principal } from "../../family/index.ts";
import { createGit } from "../../git/index.ts";
import type { CommandAnswer, GitDoor, PushRequest } from "../model.ts";
import { createGitDoor } from "./door.ts";

const run = promisify(execFile);
let root: string;
let door: GitDoor;
let own: ReturnType<typeof createGit>;
let server: ReturnType<typeof serve>;
let url: string;
const pushes: PushRequest[] = [];
const principal: Principal = { user: "ada", role: "maintainer", components: undefined, tokenId: "t" };

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "fairlead-door-"));
  pushes.length = 0;
  own = createGit({ root: join(root, "git"), clock: systemClock });
  door = await createGitDoor({
    git: own,
    ids: systemIds,
    hookFile: new URL("./proc-receive.mjs", import.meta.url).pathname,
    onBug: (error) => {
      throw error;
    },
    handler: {
      handlePush: async (request) => {
        pushes.push(request);
        const repository = await own.open(request.component);
        return await Promise.all(
          request.commands.map(async (command): Promise<CommandAnswer> => {
            if (command.ref === "refs/heads/secret")
              return { ref: command.ref, accepted: false, reason: "no", lines: ["ask first"] };
            const movedRef = command.ref.startsWith("refs/for/") ? "refs/pull/1/head" : undefined;
            await repository.updateRef(movedRef ?? command.ref, command.before, command.after);
            return { ref: command.ref, accepted: true, movedRef, lines: ["hello \u001b[31mred"] };
          }),
        );
      },
    },
  });
  await new Promise<void>((resolve) => {
    server = serve(
      {
        fetch: (request) =>
          door.handle(request, "one", new URL(request.url).pathname.slice("/git/one.git/".length), principal),
        port: 0,
        hostname: "127.0.0.1",
      },
      (info) => {
        url = `http://127.0.0.1:${info.port}/git/one.git`;
        resolve();
      },
    );
  });
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await door.close();
  own.close();
  rmSync(root, { recursive: true, force: true });
});

async function git(...args: string[]) {
  const env = {
    PATH: process.env["PATH"],
    HOME: root,
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@b",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@b",
    GIT_TERMINAL_PROMPT: "0",
  };
  return await run("git", args, { env, cwd: root });
}

it("takes pushes, tells the pusher, and serves what was pushed", async () => {
  await git("init", "-q", "-b", "main", "work");
  writeFileSync(join(root, "work", "a.txt"), "a".repeat(100_000));
  await git("-C", "work", "add", "-A");
  await git("-C", "work", "commit", "-q", "-m", "first");

  const pushed = await git("-C", "work", "push", url, "HEAD:refs/heads/main", "HEAD:refs/for/main", "-o", "topic=x");

  expect(pushed.stderr).toContain("remote: hello ␛[31mred");
  expect(pushed.stderr).toMatch(/HEAD -> refs\/pull\/1\/head/);
  expect(pushes[0]?.options).toEqual(["topic=x"]);
  expect(pushes[0]?.principal.user).toBe("ada");
  await git("clone", "-q", url, "copy");
  const log = await git("-C", "copy", "log", "--oneline");
  expect(log.stdout).toContain("first");
  await git("-C", "copy", "fetch", "-q", "origin", "refs/pull/1/head");

  await expect(git("-C", "work", "push", url, "HEAD:refs/heads/secret")).rejects.toThrow(/remote rejected.*\(no\)/);
  await git("-C", "work", "push", url, ":refs/heads/main");
  expect((await (await own.open("one")).refs()).map((ref) => ref.name)).toEqual(["refs/pull/1/head"]);
});
