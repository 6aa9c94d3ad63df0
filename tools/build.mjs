// Builds dist/: the program as one file, what git runs as a hook, and the assets of the pages.
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
await mkdir(dist, { recursive: true });
await build({
  // The thread that reads job files is a program of its own.
  entryPoints: { fairlead: join(root, "src/main.ts"), "prow-worker": join(root, "src/config/prow/worker.ts") },
  outdir: dist,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: true,
  // libsql loads a native file of its own; pg-native is never used; the client of Kubernetes is four times all the rest.
  external: ["libsql", "pg-native", "@kubernetes/client-node"],
  jsx: "automatic",
  jsxImportSource: "hono/jsx",
  banner: {
    js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
  },
  logLevel: "warning",
});
await cp(join(root, "src/forge/local/proc-receive.mjs"), join(dist, "proc-receive.mjs"));
await buildAssets();

/** Styles and islands, named by their content, so that browsers may keep them for ever. */
async function buildAssets() {
  const assets = join(dist, "assets");
  await rm(assets, { recursive: true, force: true });
  await mkdir(assets, { recursive: true });
  const islands = join(root, "src/web/islands");
  const styles = join(root, "src/web/styles");
  const entries = [
    ...(await listed(islands, ".ts")).map((name) => join(islands, name)),
    ...(await listed(styles, ".css")).map((name) => join(styles, name)),
  ];
  const manifest = {};
  if (entries.length > 0) {
    const built = await build({
      entryPoints: entries,
      outdir: assets,
      entryNames: "[name]",
      bundle: true,
      minify: true,
      platform: "browser",
      target: ["chrome110", "firefox110", "safari16"],
      format: "esm",
      write: false,
      logLevel: "warning",
    });
    for (const file of built.outputFiles) {
      const name = file.path.slice(assets.length + 1);
      const mark = createHash("sha256").update(file.contents).digest("hex").slice(0, 10);
      const named = name.replace(/\.(js|css)$/, `.${mark}.$1`);
      await writeFile(join(assets, named), file.contents);
      manifest[name] = named;
    }
  }
  await writeFile(join(assets, "manifest.json"), JSON.stringify(manifest));
}

async function listed(folder, ending) {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith(ending)).sort();
}

const size = (await readFile(join(dist, "fairlead.mjs"))).length;
process.stderr.write(`built dist/fairlead.mjs (${Math.round(size / 1024)} KiB)\n`);
