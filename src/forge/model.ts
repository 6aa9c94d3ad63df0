import type { Result } from "../core/index.ts";
import type { Principal } from "../family/index.ts";
import type { ObjectId } from "../git/index.ts";

/** One ref that a push wants to move. */
export interface RefCommand {
  readonly ref: string;
  readonly before: ObjectId;
  readonly after: ObjectId;
}

export interface PushRequest {
  readonly component: string;
  readonly principal: Principal;
  readonly commands: readonly RefCommand[];
  /** `git push -o key=value`. */
  readonly options: readonly string[];
}

/** What became of one command. `lines` are printed to the pusher as `remote:` lines. */
export interface CommandAnswer {
  readonly ref: string;
  readonly accepted: boolean;
  /** For refused ones: the short reason git shows in brackets. */
  readonly reason?: string | undefined;
  /** Where the server moved another ref instead (`refs/for/main` -> `refs/pull/3/head`). */
  readonly movedRef?: string | undefined;
  readonly lines: readonly string[];
}

/**
 * What the local forge asks of the server for each push, and the only way refs of a hosted repository move. The server
 * writes the request down, moves the refs by compare-and-swap, decides what follows and answers in the push's own output.
 */
export interface PushHandler {
  handlePush(request: PushRequest): Promise<readonly CommandAnswer[]>;
}

/** Git over HTTP for hosted repositories. */
export interface GitDoor {
  /**
   * Answers `/git/<component>.git/(info/refs|git-upload-pack|git-receive-pack)`. Reading needs a principal with role
   * reader or better (the caller decides what anonymous gets), writing one that is a contributor or better.
   */
  handle(request: Request, component: string, path: string, principal: Principal): Promise<Response>;
  close(): Promise<void>;
}

/** Where a change stands, as the forge keeps it. */
export interface ForgeChange {
  readonly number: number;
  readonly base: string;
  readonly head: ObjectId;
  readonly title: string;
  readonly author: string;
}

/** The port to whatever hosts the repositories. `local` is the only adapter so far. */
export interface Forge {
  /** Lands `commit` on a branch: compare-and-swap from `before`. */
  land(component: string, branch: string, before: ObjectId, commit: ObjectId): Promise<Result<void>>;
  /** Creates or deletes a tag ref, compare-and-swap. */
  setTag(component: string, tag: string, before: ObjectId, after: ObjectId): Promise<Result<void>>;
  /** Posts a status where people of that forge look; a no-op where our own pages are that place. */
  postStatus(
    component: string,
    sha: ObjectId,
    status: { context: string; state: string; description: string; url: string },
  ): Promise<Result<void>>;
}
