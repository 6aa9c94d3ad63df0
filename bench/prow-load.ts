import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { readProw } from "../src/config/index.ts";
import { decideAutomatic } from "../src/jobs/index.ts";

export interface ProwLoadFigures {
  readonly jobs: number;
  readonly megabytes: number;
  readonly oursMs: number;
  readonly unchangedMs: number;
  readonly plainParseMs: number;
  /** An event decided for every job of the largest repository. */
  readonly planMs: number;
}

/** A corpus of the size and shape of kubernetes/test-infra: 600 files, one of them half of it, 6,000 jobs. */
export async function measureProwLoad(worker: string): Promise<ProwLoadFigures> {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-prow-"));
  mkdirSync(join(folder, "jobs"));
  const texts: string[] = [];
  let jobs = 0;
  for (let file = 0; file < 600; file++) {
    const count = file === 0 ? 2230 : 6;
    const text = file === 0 ? periodics(count) : presubmits(file, count);
    jobs += count;
    texts.push(text);
    writeFileSync(join(folder, "jobs", `file-${file}.yaml`), text);
  }
  writeFileSync(
    join(folder, "config.yaml"),
    "plank:\n  default_decoration_config_entries:\n    - config: {timeout: 2h}\n",
  );
  const request = {
    folder,
    config: "config.yaml",
    jobs: ["jobs"],
    components: { "org/repo-1": "one" },
    worker,
    cache: join(folder, "cache"),
  };
  const first = performance.now();
  const reading = await readProw(request);
  const oursMs = performance.now() - first;
  const errors = reading.diagnostics.filter((each) => each.severity === "error");
  if (errors.length > 0) throw new Error(JSON.stringify(errors[0]));
  const again = performance.now();
  await readProw(request);
  const unchangedMs = performance.now() - again;
  const plain = performance.now();
  for (const text of texts) parse(text);
  const plainParseMs = performance.now() - plain;
  const mine = Array.from({ length: 461 }, () => reading.jobs)
    .flat()
    .slice(0, 461);
  const event = (file: string) => {
    const started = performance.now();
    for (const job of mine) decideAutomatic(job, { branch: "master", files: [file, "docs/b.md"] });
    return performance.now() - started;
  };
  // The first events compile patterns and code.
  const events = Array.from({ length: 9 }, (_, n) => event(`cmd/${n}.go`)).sort((a, b) => a - b);
  const planMs = events[4] ?? 0;
  const megabytes = texts.reduce((sum, text) => sum + text.length, 0) / 1e6;
  rmSync(folder, { recursive: true });
  return { jobs, megabytes, oursMs, unchangedMs, plainParseMs, planMs };
}

function spec(indent: string, n: number): string {
  return [
    "spec:",
    "  containers:",
    `  - image: gcr.io/images/kubekins-e2e:v20260810-${n}-master`,
    "    imagePullPolicy: Always",
    "    command:",
    "    - runner.sh",
    "    args:",
    "    - bash",
    "    - -c",
    "    - |",
    ...Array.from(
      { length: 22 },
      (_, line) => `      make build-step-${line} WHAT=./cmd/tool-${n} GOFLAGS=-v ARTIFACTS=$ARTIFACTS || exit ${line}`,
    ),
    "    env:",
    ...Array.from(
      { length: 4 },
      (_, index) => `    - name: VARIABLE_${index}\n${indent}      value: "value-${n}-${index}"`,
    ),
    "    resources:",
    "      requests:",
    "        cpu: 4",
    '        memory: "9Gi"',
    "      limits:",
    "        cpu: 4",
    '        memory: "9Gi"',
    "    securityContext:",
    "      privileged: true",
  ]
    .map((line) => `${indent}${line}`)
    .join("\n");
}

function presubmits(file: number, count: number): string {
  const items = Array.from({ length: count }, (_, n) =>
    [
      `  - name: pull-repo-${file}-job-${n}`,
      "    cluster: build-cluster",
      "    decorate: true",
      n % 3 === 0 ? '    run_if_changed: "^(pkg|cmd)/.*\\\\.go$"' : "    always_run: true",
      "    branches:",
      "    - ^master$",
      `    - ^release-1.${20 + n}$`,
      "    labels:",
      '      preset-service-account: "true"',
      "    annotations:",
      `      testgrid-dashboards: dashboard-${file}`,
      `      testgrid-tab-name: tab-${n}`,
      spec("    ", n),
    ].join("\n"),
  );
  return `presubmits:\n  org/repo-${file}:\n${items.join("\n")}\n`;
}

function periodics(count: number): string {
  const items = Array.from({ length: count }, (_, n) =>
    [
      `- name: e2e-grid-${n}`,
      "  cluster: build-cluster",
      `  cron: '${n % 60} ${n % 24} * * *'`,
      "  decorate: true",
      "  extra_refs:",
      "  - org: org",
      "    repo: grid",
      "    base_ref: master",
      "    workdir: true",
      spec("  ", n),
    ].join("\n"),
  );
  return `periodics:\n${items.join("\n")}\n`;
}

/** Resident memory of this process at its highest, bytes. */
export function highestResident(): number {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0);
}
