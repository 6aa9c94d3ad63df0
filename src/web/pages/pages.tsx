import { type Context, Hono } from "hono";
import type { Child } from "hono/jsx";
import { type Clock, type Fault, fault, httpStatusOf, type Result } from "../../core/index.ts";
import type { ResultStore } from "../../results/index.ts";
import { pagePath, type Views } from "../../server/views/index.ts";
import { loadAssets } from "../assets.ts";
import { ChangePage } from "./change.tsx";
import { ComponentPage, ReleaseTable } from "./component.tsx";
import { FamilyPage } from "./family.tsx";
import { type Frame, Page, type Viewer } from "./layout.tsx";
import { type LogView, logView, logWindow } from "./log-lines.ts";
import { FaultPage, LoginPage, WhyPage } from "./others.tsx";
import { Part, RunTable } from "./parts.tsx";
import { PinSetPage, PinSetsPage } from "./pin-set.tsx";
import { RegistriesPage } from "./registries.tsx";
import { ReleasePage } from "./release.tsx";
import { RunPage } from "./run.tsx";
import { TrainPage } from "./train.tsx";

export interface PagesOptions {
  readonly views: Views;
  readonly results: Pick<ResultStore, "readLog">;
  readonly clock: Clock;
  /** Folder of built styles and islands. */
  readonly assets: string;
}

/** The context that the server hands to pages. */
interface PageEnv {
  readonly Variables: { readonly viewer: Viewer };
}

/** Pages, rendered on the server; they work without scripts, and islands keep them live. */
export function createPages(options: PagesOptions): Hono<PageEnv> {
  const { views, clock } = options;
  const assets = loadAssets(options.assets);
  const app = new Hono<PageEnv>();

  async function frameOf(context: Context<PageEnv>): Promise<Frame> {
    const family = await views.family();
    return {
      family: family.family,
      cluster: family.cluster,
      viewer: context.get("viewer"),
      styles: assets.urlOf("main.css"),
      script: assets.urlOf("page.js"),
      seq: await views.lastEvent(),
      at: new Date(clock.now()).toISOString(),
    };
  }

  async function show(
    context: Context<PageEnv>,
    title: string,
    here: string,
    body: Child,
    status: 200 | 404 | 400 = 200,
  ) {
    const frame = await frameOf(context);
    return await context.html(
      <Page frame={frame} title={title} here={here}>
        {body}
      </Page>,
      status,
    );
  }

  async function showFault(context: Context<PageEnv>, error: Fault) {
    const status = httpStatusOf(error.code) === 404 ? 404 : 400;
    return await show(context, error.message, "", <FaultPage fault={error} />, status);
  }

  async function showOr<T>(
    context: Context<PageEnv>,
    read: Result<T>,
    here: string,
    page: (value: T) => { readonly title: string; readonly body: Child },
  ) {
    if (!read.ok) return await showFault(context, read.error);
    const { title, body } = page(read.value);
    return await show(context, title, here, body);
  }

  async function logOf(run: string): Promise<LogView | undefined> {
    const key = await views.resultKey(run);
    if (!key) return undefined;
    const end = await options.results.readLog(key, Number.MAX_SAFE_INTEGER, 0);
    if (!end) return undefined;
    const start = Math.max(0, end.next - logWindow);
    const piece = await options.results.readLog(key, start, logWindow);
    return piece && logView(piece.bytes, start, piece.next, piece.complete);
  }

  app.get("/assets/:file", (context) => {
    const asset = assets.read(context.req.param("file"));
    if (!asset) return context.text("there is nothing here\n", 404);
    return context.body(Uint8Array.from(asset.bytes), 200, {
      "content-type": asset.type,
      "cache-control": "public, max-age=31536000, immutable",
    });
  });
  app.get("/", async (context) => {
    const [family, status] = [await views.family(), await views.status()];
    return await showOr(context, status, "/", (value) => ({
      title: `${family.family}: ${value.needsPerson === 0 ? "nothing needs a person" : `${value.needsPerson} need a person`}`,
      body: <FamilyPage family={family} status={value} now={clock.now()} />,
    }));
  });
  app.get("/components/:name", async (context) =>
    showOr(context, await views.component(context.req.param("name")), "/", (component) => ({
      title: component.status.component,
      body: <ComponentPage component={component} now={clock.now()} />,
    })),
  );
  app.get("/changes/:component/:number", async (context) => {
    const number = /^\d{1,9}$/.test(context.req.param("number")) ? Number(context.req.param("number")) : 0;
    return await showOr(context, await views.change(context.req.param("component"), number), "/", (change) => ({
      title: `${change.component}#${change.number} ${change.title}`,
      body: <ChangePage change={change} viewer={context.get("viewer")} now={clock.now()} />,
    }));
  });
  app.get("/runs", async (context) => {
    const filter = { component: context.req.query("component"), state: context.req.query("state"), limit: 100 };
    const runs = await views.runs(filter);
    const body = (
      <>
        <div class="subject">
          <h1>Runs</h1>
          <span class="dim">{`the newest ${runs.items.length}${runs.more === true ? "; older ones: fairlead runs --limit 500" : ""}`}</span>
        </div>
        <Part title="All components">
          <RunTable runs={runs.items} now={clock.now()} empty="No run yet. A pushed change starts the first." />
        </Part>
      </>
    );
    return await show(context, "Runs", "/runs", body);
  });
  app.get("/runs/:id", async (context) => {
    const log = await logOf(context.req.param("id"));
    return await showOr(context, await views.run(context.req.param("id")), "/runs", (run) => ({
      title: `${run.word}: ${run.job}`,
      body: <RunPage run={run} log={log} viewer={context.get("viewer")} now={clock.now()} />,
    }));
  });
  app.get("/releases", async (context) => {
    const releases = await views.releases({ component: context.req.query("component"), limit: 100 });
    const body = (
      <>
        <div class="subject">
          <h1>Releases</h1>
          <span class="dim">each starts from a tag; none is ever built twice</span>
        </div>
        <Part title="All components">
          <ReleaseTable
            releases={releases.items}
            now={clock.now()}
            empty="No release yet. A tag vX.Y.Z on a green commit starts one."
          />
        </Part>
      </>
    );
    return await show(context, "Releases", "/releases", body);
  });
  app.get("/releases/:id", async (context) =>
    showOr(context, await views.release(context.req.param("id")), "/releases", (release) => ({
      title: `${release.component} ${release.version}: ${release.word}`,
      body: <ReleasePage release={release} viewer={context.get("viewer")} now={clock.now()} />,
    })),
  );
  app.get("/train", async (context) => {
    const body = <TrainPage plan={await views.train()} now={clock.now()} />;
    return await show(context, "Train", "/train", body);
  });
  app.get("/registries", async (context) => {
    const view = await views.registries();
    const body = <RegistriesPage view={view} viewer={context.get("viewer")} now={clock.now()} />;
    return await show(context, "Registries", pagePath.registries, body);
  });
  app.get("/pin-sets", async (context) => {
    const sets = await views.pinSets({ limit: 100 });
    return await show(context, "Pin sets", "/pin-sets", <PinSetsPage sets={sets.items} now={clock.now()} />);
  });
  app.get("/pin-sets/:id", async (context) =>
    showOr(context, await views.pinSet(context.req.param("id"), context.req.query("with")), "/pin-sets", (set) => ({
      title: `Pin set ${set.id.slice(0, 12)}`,
      body: <PinSetPage set={set} now={clock.now()} />,
    })),
  );
  app.get("/why", async (context) =>
    showOr(context, await views.why(context.req.query("subject") ?? ""), "", (why) => ({
      title: `Why ${why.subject}`,
      body: <WhyPage why={why} />,
    })),
  );
  app.get("/login", (context) =>
    show(context, "Sign in", "", <LoginPage wrong={context.req.query("wrong") !== undefined} />),
  );
  app.notFound((context) => showFault(context, fault("not-found", `there is no page ${context.req.path}`)));
  return app;
}
