// Makes docs/reference.md from the code. `--check` only compares.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const file = join(root, "docs/reference.md");
mkdirSync(join(root, "dist"), { recursive: true });
const folder = mkdtempSync(join(root, "dist/reference-"));
await build({
  stdin: {
    contents: `
      export { rules } from "./src/policy/index.ts";
      export { familySchema, releaseSchema } from "./src/config/index.ts";
      export { apiRoutes } from "./src/server/api.ts";
      export { z } from "zod";
    `,
    resolveDir: root,
    loader: "ts",
  },
  outfile: join(folder, "code.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  external: ["libsql", "pg-native"],
  banner: {
    js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
  },
});
const { rules, familySchema, releaseSchema, apiRoutes, z } = await import(pathToFileURL(join(folder, "code.mjs")).href);
rmSync(folder, { recursive: true });

const fairlead = (...args) =>
  spawnSync(process.execPath, [join(root, "dist/fairlead.mjs"), ...args], {
    encoding: "utf8",
    env: { ...process.env, COLUMNS: "100" },
  }).stdout.trim();
const commands = fairlead("--help")
  .split("\nCommands:\n")[1]
  .split("\n")
  .flatMap((line) => /^ {2}([a-z]+)/.exec(line)?.[1] ?? [])
  .filter((name) => name !== "help");

/** One line a member of a JSON Schema object. */
function members(schema, path = "") {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const place = path === "" ? name : `${path}.${name}`;
    const below = inner.properties
      ? inner
      : inner.items?.properties
        ? inner.items
        : inner.additionalProperties?.properties
          ? inner.additionalProperties
          : undefined;
    const step = below === inner.items ? `${place}[]` : below === inner.additionalProperties ? `${place}.NAME` : place;
    const required =
      schema.required?.includes(name) && inner.default === undefined
        ? "required"
        : inner.default === undefined
          ? ""
          : `default ${JSON.stringify(inner.default)}`;
    const line = `| \`${place}\` | ${kindOf(inner)} | ${required.includes("{") ? "" : required} |`;
    return below ? [line, ...members(below, step)] : [line];
  });
}

function kindOf(schema) {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(", ");
  if (schema.anyOf) return [...new Set(schema.anyOf.map(kindOf))].join(" or ");
  if (schema.type === "array") return `list of ${kindOf(schema.items ?? {})}`;
  return schema.type ?? "any";
}

const table = (heads, lines) =>
  [`| ${heads.join(" | ")} |`, `|${heads.map(() => " --- |").join("")}`, ...lines].join("\n");
const schemaOf = (schema) => z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
const routes = apiRoutes(new Proxy({}, { get: () => () => undefined }));
const ruleTable = table(
  ["rule", "severity", "may be overridden", "about"],
  rules.map(
    (rule) => `| \`${rule.id}\` | ${rule.severity} | ${rule.overridable ? "yes" : "no, by nobody"} | ${rule.about} |`,
  ),
);
const text = `# Reference

Generated from the code by \`node tools/reference.mjs\`; a test holds it to the code.

## Commands

Every command takes \`--json\`, \`--server\`, \`--home\` and \`--config\`. Exit codes: 0 done, 1 the answer is no, 2 wrong usage,
3 Fairlead itself failed.

${commands.map((name) => `### fairlead ${name}\n\n\`\`\`text\n${fairlead(name, "--help")}\n\`\`\``).join("\n\n")}

## The family file \`fairlead.yaml\`

${table(["key", "value", ""], members(schemaOf(familySchema)))}

## \`.fairlead.yaml\` in each repository

${table(["key", "value", ""], members(schemaOf(releaseSchema)))}

## Rules of the preflight

${ruleTable}

## API

Below \`/api/v1\`; errors are \`{error: {code, message, hint, place, facts}}\`. The OpenAPI document is at \`/api/openapi.json\`.

${table(
  ["route", "role", "does"],
  routes.map((route) => `| \`${route.method} ${route.path}\` | ${route.role} | ${route.summary} |`),
)}
`;
/** As the formatter wants tables of pages: every column as wide as its widest cell. */
function aligned(table) {
  const rows = table.split("\n").map((row) => row.slice(2, -2).split(" | "));
  const widths = rows[0].map((_, column) =>
    Math.max(...rows.filter((__, place) => place !== 1).map((row) => row[column].length)),
  );
  const line = (row, place) =>
    row.map((cell, column) => (place === 1 ? "-".repeat(widths[column]) : cell.padEnd(widths[column]))).join(" | ");
  return rows.map((row, place) => `| ${line(row, place)} |`).join("\n");
}

// The same table in the page about releases, between its two comments.
const releases = join(root, "docs/releases.md");
const before = readFileSync(releases, "utf8");
const page = before.replace(
  /(<!-- rules: .*? -->\n)[\s\S]*?(<!-- end of rules -->)/,
  (_, begin, end) => `${begin}\n${aligned(ruleTable)}\n\n${end}`,
);
if (process.argv.includes("--check")) {
  const wrong = [
    ...(readFileSync(file, "utf8") === text ? [] : ["docs/reference.md"]),
    ...(before === page ? [] : ["docs/releases.md"]),
  ];
  for (const each of wrong) console.error(`${each} is not what the code says: node tools/reference.mjs`);
  process.exit(wrong.length === 0 ? 0 : 1);
}
writeFileSync(file, text);
writeFileSync(releases, page);
