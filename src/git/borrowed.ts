import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import { type HostedRepository, openRepository } from "./repository.ts";
import { type GitCall, gitText } from "./run-git.ts";

export interface BorrowedRepository {
  readonly repository: HostedRepository;
  close(): Promise<void>;
}

/**
 * A repository on this machine to be looked at: a folder of our own below `scratch` with its refs, which lends its
 * objects. Nothing is copied and nothing is written there. Branches that only stand under `origin` count as branches, for
 * that is what a clone has. Fault `bad-input` where there is no repository.
 */
export async function borrowRepository(
  path: string,
  scratch: string,
  clock: Clock,
): Promise<Result<BorrowedRepository>> {
  const folder = await mkdtemp(join(scratch, "fairlead-look-"));
  const drop = () => rm(folder, { recursive: true, force: true });
  const trusting = join(folder, "trust.gitconfig");
  // The person named this folder; git need not ask who owns it.
  await writeFile(trusting, "[safe]\n\tdirectory = *\n");
  const env = { GIT_CONFIG_GLOBAL: trusting, GIT_CEILING_DIRECTORIES: dirname(resolve(path)) };
  const found = await gitText(["rev-parse", "--path-format=absolute", "--git-common-dir"], { cwd: path, env });
  if (!found.ok) {
    await drop();
    return err(
      fault("bad-input", `${path} is no git repository`, { hint: "give a URL or the folder of a repository" }),
    );
  }
  const theirs: GitCall = { gitDir: found.value.trim(), env };
  const format = "%(objectname) %(*objectname) %(refname)";
  const listed = await gitText(
    ["for-each-ref", `--format=${format}`, "refs/heads", "refs/remotes/origin", "refs/tags"],
    theirs,
  );
  if (!listed.ok) {
    await drop();
    return listed;
  }
  const refs = new Map<string, string>();
  for (const line of listed.value.split("\n")) {
    const [object = "", peeled = "", ...rest] = line.split(" ");
    const full = rest.join(" ");
    if (full === "" || full === "refs/remotes/origin/HEAD") continue;
    const name = full.replace(/^refs\/remotes\/origin\//, "refs/heads/");
    if (!refs.has(name)) refs.set(name, `${object} ${name}\n${peeled === "" ? "" : `^${peeled}\n`}`);
  }
  const head =
    (await symbolic("refs/remotes/origin/HEAD", theirs))?.replace(/^refs\/remotes\/origin\//, "refs/heads/") ??
    (await symbolic("HEAD", theirs)) ??
    "refs/heads/main";
  const directory = join(folder, "repository.git");
  for (const below of ["objects/info", "objects/pack", "refs"])
    await mkdir(join(directory, below), { recursive: true });
  const sorted = [...refs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
  await Promise.all([
    writeFile(join(directory, "config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n[gc]\n\tauto = 0\n"),
    writeFile(join(directory, "HEAD"), `ref: ${head}\n`),
    writeFile(join(directory, "objects", "info", "alternates"), `${join(found.value.trim(), "objects")}\n`),
    writeFile(join(directory, "packed-refs"), `# pack-refs with: peeled fully-peeled sorted \n${sorted.join("")}`),
  ]);
  const repository = openRepository("borrowed", directory, clock);
  return ok({
    repository,
    close: async () => {
      repository.close();
      await drop();
    },
  });
}

async function symbolic(name: string, call: GitCall): Promise<string | undefined> {
  const answer = await gitText(["symbolic-ref", "-q", name], call);
  return answer.ok && answer.value.trim() !== "" ? answer.value.trim() : undefined;
}
