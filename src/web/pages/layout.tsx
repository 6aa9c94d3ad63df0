import { raw } from "hono/html";
import type { Child, FC } from "hono/jsx";
import type { Principal } from "../../family/index.ts";

export interface Viewer {
  readonly principal: Principal | undefined;
  readonly csrf: string | undefined;
}

export interface Frame {
  readonly family: string;
  readonly viewer: Viewer;
  readonly styles: string;
  readonly script: string;
  /** Sequence of the newest event that the page shows. */
  readonly seq: number;
  readonly at: string;
  readonly cluster: string;
}

const places = [
  ["/", "Family"],
  ["/runs", "Runs"],
  ["/releases", "Releases"],
  ["/train", "Train"],
  ["/registries", "Registries"],
] as const;

/** Every page: one bar, one left edge, what is not live said in the corner. */
export const Page: FC<{ frame: Frame; title: string; here: string; children?: Child }> = ({
  frame,
  title,
  here,
  children,
}) => (
  <>
    {raw("<!doctype html>")}
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} - Fairlead`}</title>
        <link rel="stylesheet" href={frame.styles} />
        <link rel="icon" href="data:," />
        <script type="module" src={frame.script} />
      </head>
      <body data-seq={String(frame.seq)} data-csrf={frame.viewer.csrf}>
        <a class="skip" href="#main">
          To the content
        </a>
        <header class="top">
          <a class="mark" href="/">
            <svg viewBox="0 0 30 16" width="30" height="16" aria-hidden="true">
              <path d="M0 8h9M21 8h9" stroke="currentColor" stroke-width="2" />
              <circle cx="15" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="2" />
            </svg>
            <span>{frame.family}</span>
          </a>
          <nav aria-label="Main">
            {places.map(([path, name]) => (
              <a href={path} aria-current={path === here ? "page" : undefined}>
                {name}
              </a>
            ))}
          </nav>
          <div class="corner">
            <span data-live>{`as of ${frame.at.slice(11, 19)} UTC`}</span>
            <button type="button" class="quiet" data-theme-switch hidden>
              theme
            </button>
            {frame.viewer.principal ? (
              <form method="post" action="/logout">
                <span>{frame.viewer.principal.user}</span>{" "}
                <button type="submit" class="quiet">
                  sign out
                </button>
              </form>
            ) : (
              <a href="/login">sign in</a>
            )}
          </div>
        </header>
        <main id="main">
          {children}
          {frame.cluster === "none" ? (
            <p class="opted-out">
              Tests on Kubernetes are opted out (kubernetes.cluster is none): no check here stands for one.
            </p>
          ) : null}
        </main>
      </body>
    </html>
  </>
);

/** A form that acts through the API; without a session it says how to act instead. */
export const Act: FC<{
  viewer: Viewer;
  action: string;
  back: string;
  label: string;
  solid?: boolean;
  hidden?: Readonly<Record<string, string>>;
  field?: { readonly name: string; readonly label: string };
  otherwise: Child;
}> = ({ viewer, action, back, label, solid, hidden, field, otherwise }) =>
  viewer.csrf === undefined ? (
    <span>{otherwise}</span>
  ) : (
    <form class="act" method="post" action={`/api/v1${action}`}>
      <input type="hidden" name="csrf" value={viewer.csrf} />
      <input type="hidden" name="back" value={back} />
      {Object.entries(hidden ?? {}).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      {field === undefined ? null : (
        <label>
          {field.label} <input name={field.name} required maxlength={2000} />
        </label>
      )}
      <button type="submit" class={solid === true ? "button solid" : "button"}>
        {label}
      </button>
    </form>
  );
