import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  greeter,
  mergeAndWait,
  proposeAndWait,
  type RunRow,
  type ServedFamily,
  serveFamily,
} from "../fixtures/served-family.ts";

// Of the same length as what hides them; neither occurs anywhere else.
const fromFile = "planted-7Qk2vXw9";
const fromVariable = "planted-Zr4Lm8Tn";
const fromFolder = "planted-folder-Hy6";
const all = [fromFile, fromVariable, fromFolder];

const script = [
  "echo token=$TOKEN file=$(cat /etc/deploy/key) whole=$WHOLE_B",
  "printf %s $TOKEN | base64",
  "printf 'broken '; printf %s $TOKEN | head -c 8; sleep 0; printf %s $TOKEN | tail -c +9; echo",
  "ls -l /etc/deploy",
  "mkdir -p $ARTIFACTS/deep && env > $ARTIFACTS/env.txt && cp /etc/deploy/key $ARTIFACTS/deep/key.txt",
  "(cat /etc/deploy/key; echo) | gzip > $ARTIFACTS/packed.txt.gz",
  'printf \'<testsuite><testcase name="%s"><failure message="%s"/></testcase></testsuite>\' $TOKEN $TOKEN > $ARTIFACTS/junit.xml',
  'printf \'{"token": "%s"}\' $TOKEN > $ARTIFACTS/metadata.json',
  "! (echo x > /etc/deploy/key) 2>/dev/null",
].join("\n");
const spec = [
  "      spec:",
  `        containers: [{command: [sh, -ec, ${JSON.stringify(script)}]}]`,
  "      labels: {preset-deploy: 'true'}",
];
const look = "env | sort; ls /etc/deploy 2>&1 || true; grep -rl planted- /proc/self/environ /etc 2>/dev/null || true";
const jobs = [
  "postsubmits:",
  "  seeds/greeter:",
  "    - name: post-deploy",
  "      decorate: true",
  ...spec,
  "presubmits:",
  "  seeds/greeter:",
  "    - name: pull-look",
  "      decorate: true",
  "      always_run: true",
  "      labels: {preset-deploy: 'true'}",
  `      spec: {containers: [{command: [sh, -c, ${JSON.stringify(look)}]}]}`,
  "",
].join("\n");
const config = [
  "presets:",
  "  - labels: {preset-deploy: 'true'}",
  "    env:",
  "      - {name: TOKEN, valueFrom: {secretKeyRef: {name: deploy, key: token}}}",
  "      - {name: OTHER, valueFrom: {secretKeyRef: {name: nobody, key: token}}}",
  "      - {name: WHOLE_B, valueFrom: {secretKeyRef: {name: folder, key: b}}}",
  "    volumes: [{name: deploy, secret: {secretName: deploy, defaultMode: 256}}]",
  "    volumeMounts: [{name: deploy, mountPath: /etc/deploy, readOnly: true}]",
  "",
].join("\n");

let family: ServedFamily;
beforeAll(async () => {
  family = await serveFamily(
    [greeter],
    [
      "prow: {config: prow/config.yaml, jobs: [prow/jobs]}",
      "secrets:",
      "  deploy: {keys: {key: {file: held/key}, token: {env: PLANTED_TOKEN}}}",
      "  folder: {dir: held/folder}",
    ],
  );
  await mkdir(join(family.root, "prow/jobs"), { recursive: true });
  await mkdir(join(family.root, "held/folder"), { recursive: true });
  await writeFile(join(family.root, "held/key"), fromFile);
  await writeFile(join(family.root, "held/folder/b"), fromFolder);
  await writeFile(join(family.root, "prow/config.yaml"), config);
  await writeFile(join(family.root, "prow/jobs/greeter.yaml"), jobs);
  await family.start({ PLANTED_TOKEN: fromVariable });
}, 60_000);
afterAll(() => family.remove());

async function ended(job: string): Promise<RunRow & { resultsPath: string }> {
  const row = await family.until(`${job} to end`, async () => {
    const { items } = await family.api<{ items: RunRow[] }>(`/runs?job=${job}`);
    return items.find((run) => run.finished !== null);
  });
  return await family.api(`/runs/${row.id}`);
}
async function allEnded(change: number): Promise<void> {
  await family.until("the change's runs", async () => {
    const { items } = await family.api<{ items: RunRow[] }>(`/runs?component=greeter&change=${change}`);
    return items.length === 2 && items.every((run) => run.finished !== null) ? true : undefined;
  });
}
const result = async (run: { resultsPath: string }, file: string) =>
  await (await fetch(`${family.url()}/results/${run.resultsPath}/${file}`)).text();

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe("a secret of a preset", () => {
  it("reaches a job of a branch, and is hidden with equal length in its log and artifacts", async () => {
    const clone = await family.clone("greeter");
    const { number } = await proposeAndWait(family, clone, "greeter", { a: "a" });
    await allEnded(number);
    await mergeAndWait(family, "greeter", number);
    const run = await ended("post-deploy");
    const log = await result(run, "build-log.txt");
    expect(run.state, log).toBe("success");
    const hidden = (text: string) => "X".repeat(text.length);
    expect(log).toContain(`token=${hidden(fromVariable)} file=${hidden(fromFile)} whole=${hidden(fromFolder)}\n`);
    expect(log).toContain(`\n${hidden(Buffer.from(fromVariable).toString("base64"))}\n`);
    expect(log).toContain(`broken ${hidden(fromVariable)}\n`);
    expect(log).toMatch(/-r--------.* key\n/);
    expect(log).toContain("the family file names no secret nobody: $OTHER is not set");
    expect(log).not.toContain("volumes[0].secret is ignored");
    expect(await result(run, "artifacts/env.txt")).toContain(`TOKEN=${hidden(fromVariable)}\n`);
    expect(await result(run, "artifacts/deep/key.txt")).toBe(hidden(fromFile));
    expect(await result(run, "artifacts/packed.txt")).toBe(`${hidden(fromFile)}\n`);
    expect(await result(run, "finished.json")).toContain(`"token":"${hidden(fromVariable)}"`);
  });

  it("reaches no job of a change, which says so", async () => {
    const run = await ended("pull-look");
    const log = await result(run, "build-log.txt");
    expect(log).toContain("the secret deploy is not given to tier change: $TOKEN is not set");
    expect(log).toContain("the secret deploy is not given to tier change: nothing stands at /etc/deploy");
    expect(log).not.toMatch(/^TOKEN=/m);
    expect(log).toMatch(/ls: .*\/etc\/deploy/);
    for (const secret of all) expect(log).not.toContain(secret);
  });

  it("stands nowhere in the home: no result, no database, no work folder", async () => {
    await family.stop();
    const files = await filesBelow(family.home);
    expect(files.some((file) => file.endsWith(".db"))).toBe(true);
    const forms = all.flatMap((secret) => [secret, Buffer.from(secret).toString("base64")]);
    for (const file of files) {
      const bytes = await readFile(file);
      for (const form of forms) expect(bytes.includes(form), `${form} in ${file}`).toBe(false);
    }
    for (const form of forms) expect(family.output()).not.toContain(form);
  });

  it("is a stub where a run is done again by hand", async () => {
    await family.start();
    const here = await family.fairlead("run", "post-deploy", "--output", join(family.root, "again"), "--json");
    expect(here.stderr).toContain("token=stub-of-deploy-token");
    expect(JSON.parse(here.stdout)).toMatchObject({ job: "post-deploy" });
  });

  it("that cannot be read ends the run with its name", async () => {
    await family.stop();
    await family.start();
    const clone = await family.clone("greeter", "later");
    const { number } = await proposeAndWait(family, clone, "greeter", { b: "b" });
    await allEnded(number);
    await mergeAndWait(family, "greeter", number);
    const run = await family.until("the run without its secret", async () => {
      const { items } = await family.api<{ items: RunRow[] }>("/runs?job=post-deploy");
      return items.find((each) => each.state === "error");
    });
    expect(run.description).toBe("the secret deploy cannot be read: $PLANTED_TOKEN");
  });
});
