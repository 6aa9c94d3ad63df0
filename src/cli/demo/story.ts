import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Clock, err, fault, ok, type Result } from "../../core/index.ts";
import type { ChangeItem, ComponentView, List, ReleaseView, RunItem, WhyView } from "../../server/views/index.ts";
import type { ApiClient, Fetch } from "../api-client.ts";
import { git, remoteLines } from "./git-client.ts";
import { maintainer, sampleFamily, sampleFamilyFile, sampleRepositories } from "./sample-family.ts";

/** Design 6: one step of `demo --json`. */
export interface DemoStep {
  readonly step: string;
  readonly ok: boolean;
  readonly component?: string;
  readonly run?: string;
  readonly state?: string;
  readonly version?: string;
  readonly image?: string;
  readonly digest?: string;
  readonly reason?: string;
}

export interface StoryPlace {
  readonly home: string;
  readonly client: ApiClient;
  readonly fetch: Fetch;
  readonly adminToken: string;
  readonly clock: Clock;
  readonly pull: (image: string, folder: string) => Promise<Result<{ digest: string }>>;
  readonly told: (step: DemoStep) => void;
}

const patienceMs = 60_000;

/** Makes the four repositories and the family file, where they are not there yet. */
export async function makeSample(home: string): Promise<Result<string>> {
  const folder = join(home, "repositories");
  for (const { name, files } of sampleRepositories) {
    const place = join(folder, name);
    if (await exists(join(place, ".git", "HEAD"))) continue;
    await mkdir(place, { recursive: true });
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(place, path)), { recursive: true });
      await writeFile(join(place, path), content);
      if (path.endsWith(".sh")) await chmod(join(place, path), 0o755);
    }
    for (const args of [
      ["init", "-q", "-b", "main"],
      ["add", "-A"],
      ["commit", "-q", "-m", `Begin ${name}`],
    ]) {
      const done = await git(place, args);
      if (!done.ok) return err(fault("failed", `git ${args[0]} failed in ${place}: ${done.said.trim()}`));
    }
  }
  const config = join(home, "fairlead.yaml");
  if (!(await exists(config))) await writeFile(config, sampleFamilyFile(folder));
  return ok(config);
}

/** Walks the whole process through the doors that everybody uses. Every step looks first whether it is so already. */
export async function tellStory(place: StoryPlace): Promise<readonly DemoStep[]> {
  const { client, home, clock } = place;
  const steps: DemoStep[] = [];
  const host = new URL(client.url).host;
  const imageRef = (image: string, tag: string) => `${host}/${sampleFamily}/${image}:${tag}`;

  function tell(step: DemoStep): boolean {
    steps.push(step);
    place.told(step);
    return step.ok;
  }

  /** Asks again until the answer is there; `undefined` when patience ends. */
  async function until<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
    const end = clock.now() + patienceMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (clock.now() > end) return undefined;
      await new Promise<void>((done) => clock.after(40, done));
    }
  }

  async function get<T>(path: string): Promise<T | undefined> {
    const answer = await client.get<T>(path);
    return answer.ok ? answer.value : undefined;
  }

  const clone = (component: string) => join(home, "clones", component);

  async function prepareClones(token: string): Promise<string | undefined> {
    const folder = join(home, "clones");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const credentials = join(folder, ".credentials");
    await writeFile(credentials, `http://${maintainer}:${token}@${host}\n`, { mode: 0o600 });
    for (const { name } of sampleRepositories) {
      const url = `${client.url}/git/${name}.git`;
      if (!(await exists(join(clone(name), ".git")))) {
        const cloned = await git(folder, ["clone", "-q", url, name]);
        if (!cloned.ok) return cloned.said;
      }
      const helper = `store --file='${credentials.replaceAll("'", "'\\''")}'`;
      const settings = [
        ["remote.origin.url", url],
        ["credential.helper", helper],
        ["user.name", "Ann Example"],
        ["user.email", "ann@example.invalid"],
      ];
      for (const [key = "", value = ""] of settings) {
        const set = await git(clone(name), ["config", key, value]);
        if (!set.ok) return set.said;
      }
    }
    return undefined;
  }

  async function changeTitled(component: string, title: string): Promise<ChangeItem | undefined> {
    const changes = await get<List<ChangeItem>>(`/changes?component=${component}`);
    return changes?.items.find((change) => change.title === title);
  }

  /** Commits files on top of the newest main and proposes them. */
  async function propose(
    component: string,
    title: string,
    files: Readonly<Record<string, string>>,
  ): Promise<ChangeItem | undefined> {
    const known = await changeTitled(component, title);
    if (known) return known;
    const folder = clone(component);
    await git(folder, ["fetch", "-q", "origin"]);
    await git(folder, ["checkout", "-q", "-B", "main", "origin/main"]);
    for (const [path, content] of Object.entries(files)) await writeFile(join(folder, path), content);
    await git(folder, ["commit", "-q", "-a", "-m", title]);
    await git(folder, ["push", "-q", "origin", "HEAD:refs/for/main"]);
    await git(folder, ["reset", "-q", "--hard", "origin/main"]);
    return await changeTitled(component, title);
  }

  async function runOf(change: ChangeItem): Promise<RunItem | undefined> {
    return await until(async () => {
      const runs = await get<List<RunItem>>(`/runs?component=${change.component}&change=${change.number}`);
      const run = runs?.items.find((each) => each.refs.pulls?.[0]?.sha === change.head);
      return run && run.finished !== null ? run : undefined;
    });
  }

  async function greenChange(): Promise<void> {
    const title = "Greet politely";
    const change = await propose("greeter", title, { "greeting.txt": "hello, dear reader\n" });
    if (!change)
      return void tell({ step: "change opened", ok: false, component: "greeter", reason: "the push opened no change" });
    tell({
      step: "change opened",
      ok: true,
      component: "greeter",
      state: change.state,
      reason: `change ${change.number}: ${title}`,
    });
    const run = await runOf(change);
    tell({
      step: "change tested merged with its base",
      ok: run?.state === "success",
      component: "greeter",
      ...(run ? { run: run.id, state: run.state, reason: run.description } : { reason: "its run did not end" }),
    });
  }

  async function brokenChange(): Promise<void> {
    const change = await propose("tools", "Sort backwards", {
      "src/sorter.sh": "#!/bin/sh\n# sorter @VERSION@\nsort -r\n",
    });
    const run = change && (await runOf(change));
    tell({
      step: "broken change failed its tests",
      ok: run?.state === "failure",
      component: "tools",
      ...(run ? { run: run.id, state: run.state, reason: run.description } : { reason: "its run did not end" }),
    });
    if (!change) return;
    const merged = await client.post(`/changes/tools/${change.number}/merge`, {});
    tell({
      step: "refused: merging the broken change",
      ok: !merged.ok && merged.error.code === "refused",
      component: "tools",
      reason: merged.ok ? "it was merged" : merged.error.message,
    });
  }

  async function mergeGreen(): Promise<void> {
    const change = await changeTitled("greeter", "Greet politely");
    if (!change) return;
    const merged =
      change.state === "merged" ? undefined : await client.post(`/changes/greeter/${change.number}/merge`, {});
    tell({
      step: "good change merged",
      ok: merged === undefined || merged.ok,
      component: "greeter",
      state: "merged",
      reason:
        merged && !merged.ok ? merged.error.message : "every required check is green on its head merged with main",
    });
    await git(clone("greeter"), ["fetch", "-q", "origin"]);
    const head = (await git(clone("greeter"), ["rev-parse", "origin/main"])).out;
    const canary = await until(async () => {
      const component = await get<ComponentView>("/components/greeter");
      return component?.canaries.find((each) => each.commit === head);
    });
    tell({
      step: "canary published",
      ok: canary !== undefined,
      component: "greeter",
      image: imageRef("greeter", "canary"),
      ...(canary ? { run: canary.run, digest: canary.digest } : {}),
      reason: canary ? `the branch build of ${head.slice(0, 7)} is green` : "no canary came of the branch build",
    });
  }

  /** Pushes a tag with plain git and waits until its release rests. */
  async function tagged(component: string, version: string, commit: string): Promise<ReleaseView | undefined> {
    const folder = clone(component);
    await git(folder, ["fetch", "-q", "origin"]);
    const path = `/releases/${encodeURIComponent(`${component}@${version}`)}`;
    if (!(await get<ReleaseView>(path))) {
      await git(folder, ["tag", "-f", "-m", `${component} ${version}`, version, commit]);
      await git(folder, ["push", "-q", "origin", `refs/tags/${version}`]);
    }
    return await until(async () => {
      const release = await get<ReleaseView>(path);
      return release && ["published", "quarantined", "failed", "closed", "withdrawn"].includes(release.state)
        ? release
        : undefined;
    });
  }

  async function published(step: string, component: string, version: string): Promise<void> {
    await greenHead(component);
    const release = await tagged(component, version, "origin/main");
    const image = release?.images[0];
    tell({
      step,
      ok: release?.state === "published",
      component,
      version,
      ...(release ? { state: release.state, reason: release.reason } : { reason: "no release followed from the tag" }),
      ...(image ? { image: imageRef(image.name, version), digest: image.digest ?? "" } : {}),
    });
  }

  /** A head that was there when the component was taken in has had no branch build: it gets one before it is tagged. */
  async function greenHead(component: string): Promise<void> {
    await git(clone(component), ["fetch", "-q", "origin"]);
    const runs = await get<List<RunItem>>(`/runs?component=${component}&state=success`);
    const head = (await git(clone(component), ["rev-parse", "origin/main"])).out;
    if (runs?.items.some((run) => run.type === "postsubmit" && run.refs.base_sha === head)) return;
    const change = await propose(component, "Say what it is", {
      "README.md": `# ${component}\n\nPart of the sample family.\n`,
    });
    if (!change || change.state === "merged") return;
    await runOf(change);
    await client.post(`/changes/${component}/${change.number}/merge`, {});
    await git(clone(component), ["fetch", "-q", "origin"]);
    const merged = (await git(clone(component), ["rev-parse", "origin/main"])).out;
    await until(async () => {
      const builds = await get<List<RunItem>>(`/runs?component=${component}&state=success`);
      return builds?.items.find((run) => run.type === "postsubmit" && run.refs.base_sha === merged);
    });
  }

  async function quarantined(
    step: string,
    component: string,
    version: string,
    commit: string,
    rule: string,
  ): Promise<void> {
    const release = await tagged(component, version, commit);
    const finding = release?.findings.find((each) => each.rule === rule);
    tell({
      step,
      ok: release?.state === "quarantined" && finding !== undefined,
      component,
      version,
      ...(release ? { state: release.state } : {}),
      reason: finding?.message ?? release?.reason ?? "no release followed from the tag",
    });
  }

  async function sideCommit(): Promise<string> {
    const folder = clone("greeter");
    await git(folder, ["checkout", "-q", "--detach", "origin/main"]);
    await git(folder, ["commit", "-q", "--allow-empty", "-m", "A side path"]);
    const commit = (await git(folder, ["rev-parse", "HEAD"])).out;
    await git(folder, ["checkout", "-q", "-B", "main", "origin/main"]);
    return commit;
  }

  async function moveTag(side: string): Promise<void> {
    const folder = clone("greeter");
    await git(folder, ["tag", "-f", "-m", "moved", "v1.0.0", side]);
    const pushed = await git(folder, ["push", "--force", "origin", "refs/tags/v1.0.0"]);
    await git(folder, ["fetch", "-q", "--force", "origin", "refs/tags/v1.0.0:refs/tags/v1.0.0"]);
    const lines = remoteLines(pushed.said);
    const rejected = /\[remote rejected\].*?\((.*)\)/.exec(pushed.said)?.[1];
    tell({
      step: "refused: v1.0.0 moved to another commit",
      ok: !pushed.ok && rejected !== undefined,
      component: "greeter",
      version: "v1.0.0",
      reason: [rejected, lines[0]].filter((text) => text !== undefined).join(": ") || pushed.said.trim().slice(0, 200),
    });
  }

  async function otherBytes(): Promise<void> {
    const base = `${client.url}/v2/${sampleFamily}/greeter/manifests`;
    const authorization = `Bearer ${place.adminToken}`;
    const canary = await place.fetch(new Request(`${base}/v1.0.0-rc1`, { headers: { authorization } }));
    const body = await canary.text();
    const type = canary.headers.get("content-type") ?? "";
    const put = await place.fetch(
      new Request(`${base}/v1.0.0`, { method: "PUT", headers: { authorization, "content-type": type }, body }),
    );
    const answer: { errors?: readonly { message?: string }[] } = JSON.parse(await put.text());
    tell({
      step: "refused: other bytes pushed under v1.0.0",
      ok: put.status === 403,
      component: "greeter",
      version: "v1.0.0",
      image: imageRef("greeter", "v1.0.0"),
      reason: answer.errors?.[0]?.message ?? `the registry answered ${put.status}`,
    });
  }

  async function pulledBack(): Promise<void> {
    const image = imageRef("greeter", "v1.0.0");
    const folder = join(home, "pulled", `greeter-${clock.now()}`);
    const pulled = await place.pull(image, folder);
    const release = await get<ReleaseView>(`/releases/${encodeURIComponent("greeter@v1.0.0")}`);
    const digest = release?.images[0]?.digest;
    tell({
      step: "image pulled back",
      ok: pulled.ok && pulled.value.digest === digest,
      component: "greeter",
      image,
      ...(pulled.ok
        ? { digest: pulled.value.digest, reason: "the very digest that was recorded when it was built" }
        : { reason: pulled.error.message }),
    });
  }

  const adopted = await until(async () => {
    const states = await Promise.all(sampleRepositories.map(({ name }) => get<ComponentView>(`/components/${name}`)));
    return states.every((each) => each?.status.state === "adopted") ? states : undefined;
  });
  if (
    !tell({
      step: "components taken in",
      ok: adopted !== undefined,
      reason: `${sampleRepositories.length} repositories, read once and hosted from now on`,
    })
  )
    return steps;
  const token = await ensureToken(client, home);
  const failure = token.ok ? await prepareClones(token.value) : token.error.message;
  if (
    !tell({
      step: "clones made ready",
      ok: failure === undefined,
      reason: failure ?? `with ${maintainer}'s token, below ${join(home, "clones")}`,
    })
  )
    return steps;
  await greenChange();
  await brokenChange();
  await mergeGreen();
  await published("release candidate published", "greeter", "v1.0.0-rc1");
  await published("release published", "greeter", "v1.0.0");
  await published("release with two images published", "tools", "v1.0.0");
  await quarantined(
    "refused: a tag on the internal library",
    "shared-lib",
    "v1.0.0",
    "origin/main",
    "internal-component",
  );
  await quarantined("refused: a tag that is not semver", "greeter", "1.1", "origin/main", "not-semver");
  const side = await sideCommit();
  await quarantined("refused: a tag outside every release branch", "greeter", "v1.1.0", side, "outside-branches");
  await moveTag(side);
  await otherBytes();
  await pulledBack();
  const why = await get<WhyView>(`/why?subject=${encodeURIComponent("greeter@v1.0.0")}`);
  tell({
    step: "reasons kept",
    ok: (why?.chain.length ?? 0) > 0,
    component: "greeter",
    version: "v1.0.0",
    reason: why?.answer ?? "no decision was stored",
  });
  return steps;
}

async function ensureToken(client: ApiClient, home: string): Promise<Result<string>> {
  const file = join(home, "clones", ".token");
  const known = await readFile(file, "utf8").catch(() => undefined);
  if (known !== undefined) return ok(known);
  const made = await client.post<{ token: string }>("/tokens", { user: maintainer, role: "maintainer" });
  if (!made.ok) return made;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, made.value.token, { mode: 0o600 });
  return ok(made.value.token);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
