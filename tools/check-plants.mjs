// A rule that never fires looks like a rule that is kept. Copies the source to a folder of its own, plants a violation of
// every rule between rooms and of the lint rules that the house made, and sees each of them found.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const rules = createRequire(import.meta.url)("../.dependency-cruiser.cjs").forbidden.map((rule) => rule.name);

/** Rule -> the file planted, below `src/`, and what it imports. */
const importPlants = {
  "core-imports-nothing": ["core/planted.ts", "../family/index.ts"],
  "pure-rooms-in-order": ["family/planted.ts", "../jobs/index.ts"],
  "jobs-below-policy": ["jobs/planted.ts", "../policy/index.ts"],
  "policy-below-plan": ["policy/planted.ts", "../plan/index.ts"],
  "plan-is-pure": ["plan/planted.ts", "../git/index.ts"],
  "pure-rooms-do-no-io": ["jobs/planted-io.ts", "node:fs"],
  "pure-rooms-use-few-packages": ["policy/planted-package.ts", "pg"],
  "config-below-what-acts": ["config/planted.ts", "../git/index.ts"],
  "no-pure-room-knows-config": ["plan/planted-config.ts", "../config/index.ts"],
  "oci-below-images-registry-release": ["oci/planted.ts", "../registry/index.ts"],
  "rooms-by-their-door": ["git/planted.ts", "../jobs/matching.ts"],
  "others-use-doors-too": ["server/planted.ts", "../git/git.ts"],
  "adapters-are-put-in-place-by-compose-alone": ["server/planted-adapter.ts", "../execute/process/index.ts"],
  "features-know-no-server": ["runs/planted.ts", "../server/views/index.ts"],
  "shells-by-their-doors": ["web/planted.ts", "../server/access.ts"],
  "processes-are-started-in-few-places": ["server/planted-process.ts", "node:child_process"],
  // A circle is told from one of its two files: from the first by name.
  "no-circles": ["server/planted-circle-a.ts", "./planted-circle-b.ts"],
  "not-to-unresolvable": ["server/planted-nowhere.ts", "./nowhere.ts"],
};

/** Lint rule, and where one has several parts which -> what stands in a planted file of its own. */
const lintPlants = {
  "no-floating-promises": "export function planted(work: () => Promise<void>) {\n  work();\n}\n",
  "no-explicit-any": "export const planted = (value: any): unknown => value;\n",
  "no-default-export": "export default function planted() {}\n",
  "consistent-type-assertions": "export const planted = (value: unknown) => value as string;\n",
  "no-restricted-globals": "export const planted = (text: string) => new RegExp(text);\n",
  "no-restricted-properties-time": "export const planted = () => Date.now();\n",
  "no-restricted-properties-chance": "export const planted = () => Math.random();\n",
};

const copy = mkdtempSync(join(tmpdir(), "fairlead-plants-"));
let missing = [];
try {
  for (const name of ["src", "tsconfig.json", "package.json", ".oxlintrc.json"])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  missing = [...missingImports(), ...missingLint()];
} finally {
  rmSync(copy, { recursive: true, force: true });
}
for (const line of missing) console.log(line);
const count = Object.keys(importPlants).length + Object.keys(lintPlants).length;
if (missing.length === 0) console.log(`${count} planted violations, all found`);
process.exit(missing.length === 0 ? 0 : 1);

function missingImports() {
  const unplanted = rules.filter((rule) => !(rule in importPlants)).map((rule) => `${rule}: no violation is planted`);
  for (const [file, imported] of Object.values(importPlants)) plant(file, `import "${imported}";\nexport {};\n`);
  plant("server/planted-circle-b.ts", 'import "./planted-circle-a.ts";\nexport {};\n');
  const report = answer("dependency-cruiser/bin/dependency-cruise.mjs", [
    ...["--config", join(root, ".dependency-cruiser.cjs"), "--output-type", "json"],
    "src",
  ]);
  const found = new Set(report.summary.violations.map((each) => `${each.rule.name} ${each.from}`));
  const lost = Object.entries(importPlants)
    .filter(([rule, [file]]) => !found.has(`${rule} src/${file}`))
    .map(([rule, [file, imported]]) => `${rule}: src/${file} imports ${imported}, and nothing was said`);
  return [...unplanted, ...lost];
}

function missingLint() {
  const fileOf = (name) => `release/planted-${name}.ts`;
  for (const [name, text] of Object.entries(lintPlants)) plant(fileOf(name), text);
  const report = answer("oxlint/bin/oxlint", ["--type-aware", "--format", "json", "src"]);
  const found = report.diagnostics.map((each) => ({ rule: /\((.+)\)/.exec(each.code)?.[1], file: each.filename }));
  return Object.keys(lintPlants)
    .filter((name) => !found.some(({ rule, file }) => name.startsWith(rule) && file.endsWith(fileOf(name))))
    .map((name) => `${name}: planted in src/${fileOf(name)}, and nothing was said`);
}

function plant(file, text) {
  writeFileSync(join(copy, "src", file), text);
}

function answer(script, args) {
  const program = join(root, "node_modules", script);
  const options = { cwd: copy, encoding: "utf8", maxBuffer: 256 * 1024 * 1024 };
  const done = spawnSync(process.execPath, [program, ...args], options);
  try {
    return JSON.parse(done.stdout);
  } catch {
    throw new Error(`${script} answered no JSON: ${done.stderr || done.stdout.slice(0, 500)}`);
  }
}
