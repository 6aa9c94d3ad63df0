import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { err, fault, ok, type Result } from "../core/index.ts";
import type { Repository } from "./model.ts";
import { runGit } from "./run-git.ts";

/**
 * Makes a repository here like one of another Fairlead: branches, tags and changes, overwritten where they differ. The
 * authorization header travels in the environment, never among arguments. Fault `unavailable`.
 */
export async function copyRefs(
  repository: Repository,
  url: string,
  authorization: string | undefined,
  progress: (line: string) => void,
): Promise<Result<void>> {
  const trusting = join(repository.directory, "copy.gitconfig");
  await writeFile(trusting, "[safe]\n\tdirectory = *\n");
  const header =
    authorization === undefined
      ? {}
      : {
          GIT_CONFIG_COUNT: "1",
          GIT_CONFIG_KEY_0: "http.extraHeader",
          GIT_CONFIG_VALUE_0: `Authorization: ${authorization}`,
        };
  const fetched = await runGit(
    [
      "fetch",
      "--prune",
      "--progress",
      "--no-write-fetch-head",
      "--no-recurse-submodules",
      "--",
      url,
      "+refs/heads/*:refs/heads/*",
      "+refs/tags/*:refs/tags/*",
      "+refs/pull/*:refs/pull/*",
    ],
    {
      gitDir: repository.directory,
      protocols: "http:https:file",
      env: { GIT_CONFIG_GLOBAL: trusting, ...header },
      onProgress: progress,
    },
  );
  if (!fetched.ok) return fetched;
  if (fetched.value.code === 0) return ok(undefined);
  const said = fetched.value.stderr.trim().split("\n").at(-1) ?? "";
  return err(fault("unavailable", `${url} cannot be read: ${said}`, { hint: "is the server running? fairlead serve" }));
}
