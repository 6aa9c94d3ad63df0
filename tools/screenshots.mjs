// Makes docs/images: the main pages of a served demo, in a real browser, wide and narrow, light and dark.
// Usage: node tools/screenshots.mjs URL [FOLDER]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url = "http://127.0.0.1:7070", folder = "docs/images"] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const answer = async (path) => (await (await fetch(`${url}/api/v1${path}`)).json()).items;
const runs = await answer("/runs");
const failed = runs.find((run) => run.state === "failure");
const green = runs.find((run) => run.type === "postsubmit" && run.state === "success");
const releases = await answer("/releases");
const held = releases.find((release) => release.state === "quarantined");
const published = releases.find((release) => release.state === "published");
const open = (await answer("/changes")).find((change) => change.state === "open");
const pages = {
  family: "/",
  component: `/components/${published?.component}`,
  change: `/changes/${open?.component}/${open?.number}`,
  run: `/runs/${green?.id}`,
  "run-failed": `/runs/${failed?.id}`,
  release: `/releases/${encodeURIComponent(published?.id)}`,
  train: "/train",
  registries: "/registries",
  quarantined: `/releases/${encodeURIComponent(held?.id)}`,
};
let wrong = 0;
for (const [theme, width] of [
  ["light", 1440],
  ["dark", 1440],
  ["light", 390],
  ["dark", 390],
]) {
  const context = await browser.newContext({ colorScheme: theme, viewport: { width, height: 900 } });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    wrong++;
    console.log(`${page.url()}: ${message.text()}`);
  });
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(`${url}${path}`, { waitUntil: "domcontentloaded" });
    await page.waitForFunction(() => document.querySelector("[data-live]")?.textContent?.startsWith("live") === true);
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    if (sideways) {
      wrong++;
      console.log(`${path} scrolls sideways at ${width}`);
    }
    await page.screenshot({ path: join(folder, `${name}-${theme}-${width}.png`), fullPage: true });
  }
  await context.close();
}
await browser.close();
console.log(`${Object.keys(pages).length} pages, ${wrong} faults`);
process.exit(wrong === 0 ? 0 : 1);
