// The one command that checks the source: format and lint, types, lint by types, rules between rooms, dead code.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
const node = (script, ...args) => [process.execPath, [join(modules, script), ...args]];
let failed = false;

function check(name, [program, args], expected = 0) {
  const started = performance.now();
  const done = spawnSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const good = done.status === expected;
  failed ||= !good;
  console.log(`${good ? "ok    " : "FAILED"} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  if (!good) console.log(`${done.stdout}${done.stderr}${done.error ?? ""}`.trim());
  return done;
}

check("format and lint", [join(modules, ".bin/biome"), ["ci", "--colors=off", "--diagnostic-level=error", "."]]);
check("types", node("typescript7/bin/tsc", "--noEmit", "-p", "tsconfig.json"));
check("types of islands", node("typescript7/bin/tsc", "--noEmit", "-p", "src/web/islands/tsconfig.json"));
check("lint by types", [join(modules, ".bin/oxlint"), ["--type-aware", "--deny-warnings", "src", "test", "tools"]]);
const rooms = check(
  "rules between rooms",
  node("dependency-cruiser/bin/dependency-cruise.mjs", "--config", ".dependency-cruiser.cjs", "src"),
);
// dependency-cruiser reports nothing read as success.
const read = Number(/\((\d+) modules/.exec(rooms.stdout)?.[1] ?? 0);
if (read < 100) {
  failed = true;
  console.log(`FAILED rules between rooms: only ${read} modules were read`);
}
check("planted violations are found", node("../tools/check-plants.mjs"));
check("dead code", [join(modules, ".bin/knip"), ["--no-progress"]]);
process.exit(failed ? 1 : 0);
