// Bundles and runs bench/: ratios against real peers in the same run. Figures, never assertions.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
mkdirSync(join(root, "dist"), { recursive: true });
await build({
  entryPoints: [join(root, "bench/bench.ts")],
  outfile: join(root, "dist/bench/bench.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  external: ["libsql", "pg-native"],
  banner: {
    js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
  },
});
process.exit(
  spawnSync(process.execPath, [join(root, "dist/bench/bench.mjs"), ...process.argv.slice(2)], {
    stdio: "inherit",
    cwd: root,
  }).status ?? 1,
);
