import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { privatePodman } from "../fixtures/busybox-image.ts";
import { run } from "../fixtures/programs.ts";
import { greeter, type RunRow, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

const podman = await privatePodman();
const lacks = typeof podman === "string" ? ` (skipped: ${podman})` : "";
const test = typeof podman === "string" ? it.skip : it;
let family: ServedFamily;

const script = (text: string) => `[sh, -ec, ${JSON.stringify(text)}]`;

beforeAll(async () => {
  if (typeof podman === "string") return;
  const execute = [
    "execute:",
    "  kind: container",
    "  engine: podman",
    `  options: ${JSON.stringify(podman.options)}`,
    "  privileged: [may-be-privileged]",
  ];
  const jobs = [
    "periodics:",
    ...["in-an-image", "may-be-privileged", "not-privileged", "wrong-image"].flatMap((name) => [
      `  - name: ${name}`,
      "    interval: 24h",
      "    decorate: true",
      "    extra_refs: [{org: seeds, repo: greeter, base_ref: main}]",
      "    spec:",
      "      containers:",
      `        - image: ${name === "wrong-image" ? "127.0.0.1:1/no/such:image" : podman.image}`,
      `          command: ${script(
        name === "in-an-image"
          ? "echo made by $MADE_BY with $CPUS; test -f build.sh; busybox | head -1; echo kept > $ARTIFACTS/kept.txt"
          : "mkdir -p /tmp/m; mount -t tmpfs none /tmp/m && echo mounted",
      )}`,
      "          env: [{name: CPUS, value: '1'}]",
      "          resources: {limits: {cpu: '1', memory: 256Mi}}",
      `          securityContext: {privileged: ${name.includes("privileged")}}`,
    ]),
    "",
  ].join("\n");
  family = await serveFamily([greeter], [...execute, `jobs: {image: "${podman.image}"}`, "prow: {jobs: [prow/jobs]}"]);
  await mkdir(join(family.root, "prow/jobs"), { recursive: true });
  await writeFile(join(family.root, "prow/jobs/greeter.yaml"), jobs);
  await family.start();
});
afterAll(async () => {
  if (typeof podman === "string") return;
  await family.remove();
  await podman.remove();
});

interface Whole extends RunRow {
  readonly buildId: string;
  readonly resultsPath: string;
}

async function ended(job: string): Promise<Whole & { readonly log: string }> {
  const row = await family.until(`${job} to end`, async () => {
    const { items } = await family.api<{ items: Whole[] }>(`/runs?job=${job}`);
    return items.find((each) => each.finished !== null);
  });
  const whole = await family.api<Whole>(`/runs/${row.id}`);
  return { ...whole, log: await result(whole, "build-log.txt") };
}

const result = async (of: Whole, file: string) =>
  await (await fetch(`${family.url()}/results/${of.resultsPath}/${file}`)).text();

describe("a family whose runs are containers", () => {
  test(`runs a Prow job in its own image, resolved to a digest that is recorded${lacks}`, async () => {
    const job = await ended("in-an-image");
    expect(job.state, job.log).toBe("success");
    expect(job.log).toContain("made by the-image with 1\n");
    expect(job.log).toContain("BusyBox v");
    expect(job.log).toMatch(/fairlead: localhost\/test\/busybox:1 is sha256:[0-9a-f]{64}\n/);
    expect(await result(job, "artifacts/kept.txt")).toBe("kept\n");
    const finished: { metadata: Record<string, string> } = JSON.parse(await result(job, "finished.json"));
    expect(finished.metadata["job-image"]).toMatch(/^localhost\/test\/busybox:1@sha256:[0-9a-f]{64}$/);
  });

  test(`gives privileges to the jobs that the family file lists, and says who gets none${lacks}`, async () => {
    const given = await ended("may-be-privileged");
    const refused = await ended("not-privileged");
    expect(refused.state).toBe("failure");
    expect(refused.log).not.toContain("\nmounted\n");
    expect(refused.log).toContain("the family file does not list it under execute.privileged");
    expect(given.log).not.toContain("execute.privileged");
    expect(given.log).toContain("\nmounted\n");
  });

  test(`tells an image that cannot be pulled as an error, not as a red job${lacks}`, async () => {
    const job = await ended("wrong-image");
    expect(job.state).toBe("error");
    expect(job.description).toContain("127.0.0.1:1/no/such:image cannot be pulled");
  });

  test(`builds generated jobs in the image of the family file${lacks}`, async () => {
    const clone = await family.clone("greeter");
    await family.git(clone, "commit", "-q", "--allow-empty", "-m", "Again");
    const pushed = await family.git(clone, "push", "origin", "HEAD:refs/for/main");
    expect(pushed.stderr).toContain("Change 1 of greeter");
    const job = await ended("fam-greeter-pr");
    expect(job.state, job.log).toBe("success");
    expect(job.log).toContain("fairlead: localhost/test/busybox:1 is sha256:");
  });

  test(`leaves no container, also not when it is killed${lacks}`, async () => {
    if (typeof podman === "string") return;
    await family.kill();
    await family.start();
    await family.stop();
    const left = await run("podman", [...podman.options, "ps", "--all", "--quiet"]);
    expect(left.stdout).toBe("");
  });

  test(`does it again here by fairlead run${lacks}`, async () => {
    await family.start();
    const here = await family.fairlead("run", "in-an-image");
    expect(here.stdout + here.stderr).toContain("made by the-image with 1");
    expect(here.code, here.stderr).toBe(0);
  });
});
