import type { FC } from "hono/jsx";
import { type ChangeItem, type ComponentView, pagePath, type ReleaseItem } from "../../server/views/index.ts";
import {
  Age,
  Commit,
  Copy,
  Digest,
  Facts,
  Next,
  Part,
  ReleaseName,
  RunTable,
  State,
  Table,
  WithdrawnNote,
} from "./parts.tsx";

export const ComponentPage: FC<{ component: ComponentView; now: number }> = ({ component, now }) => {
  const { status } = component;
  return (
    <>
      <p class="crumb">
        <a href="/">components</a> /
      </p>
      <div class="subject">
        <h1>{status.component}</h1>
        {status.next.mark ? <State mark={status.next.mark.state} word={status.next.mark.word} /> : null}
        <span class="dim">{status.next.text}</span>
      </div>
      <Facts
        facts={[
          ["Kind", kindOf(component)],
          [
            "Release",
            <>
              {status.release ? <ReleaseName release={status.release} /> : "none yet"}
              <WithdrawnNote withdrawn={status.withdrawn} />
            </>,
          ],
          [
            "Head",
            status.head ? (
              <>
                {status.head.branch} <Commit id={status.head.commit} />
              </>
            ) : (
              status.state
            ),
          ],
          [
            "Required",
            status.required.mark ? (
              <State mark={status.required.mark} word={status.required.text.replace(/^\S\s/, "")} />
            ) : (
              "none ran"
            ),
          ],
          [
            "Maintainers",
            component.maintainers.length > 0 ? component.maintainers.join(", ") : "every maintainer's token",
          ],
          ...frozenFacts(status),
          ["Taken in", component.stateDetail],
        ]}
      />
      <p class="next">
        <span class="dim">Clone</span>
        <span class="whole">
          <code>{`git clone ${component.clone}`}</code> <Copy text={`git clone ${component.clone}`} />
        </span>
      </p>
      <Part title="Changes" note="open first">
        <ChangeTable
          changes={component.changes}
          now={now}
          empty="No change yet. Open one: git push origin HEAD:refs/for/<branch>"
        />
      </Part>
      <Part title="Releases">
        <ReleaseTable
          releases={component.releases}
          now={now}
          empty={
            status.kind === "internal"
              ? "Internal: shared by copy, never tagged."
              : "No release yet. A tag vX.Y.Z on a green commit starts one."
          }
        />
      </Part>
      <Part title="Canaries" note="move after each green branch build; all images of a component together">
        <Table
          heads={["Tag", "Image", "Digest", "From", { text: "Moved", number: true }]}
          empty={
            component.images?.length === 0 || status.kind === "internal"
              ? "This component has no images."
              : "None yet: the first green branch build publishes one."
          }
          rows={component.canaries.map((canary) => canaryCells(canary, now))}
        />
        {component.earlierCanaries.length > 0 && (
          <details>
            <summary>What these tags meant before</summary>
            <Table
              heads={["Tag", "Image", "Digest", "From", { text: "Moved", number: true }]}
              empty="Nothing."
              rows={component.earlierCanaries.map((canary) => canaryCells(canary, now))}
            />
          </details>
        )}
      </Part>
      <Part title="Runs" note="newest first">
        <RunTable runs={component.runs} now={now} empty="No run yet." />
      </Part>
      <Next next={component.next} />
    </>
  );
};

function frozenFacts({ frozen }: ComponentView["status"]): [string, string][] {
  if (frozen.length === 0) return [];
  const each = frozen.map(
    ({ branch, version, until, by }) =>
      `${branch} takes only changes for ${version} until ${until === null ? "it is published" : until.slice(0, 16)} (${by})`,
  );
  return [["Frozen", each.join("; ")]];
}

function kindOf(component: ComponentView): string {
  const { kind } = component.status;
  if (kind === "internal") return "internal: never tagged";
  if (component.images?.length === 0) return `${kind}, a library`;
  return kind;
}

export const ChangeTable: FC<{ changes: readonly ChangeItem[]; now: number; empty: string }> = ({
  changes,
  now,
  empty,
}) => (
  <Table
    heads={["Change", "State", "Base", "Author", "Required", { text: "Age", number: true }, "Title", "Next"]}
    kind="changes"
    empty={empty}
    rows={changes.map((change) => [
      <b>
        <a href={pagePath.change(change.component, change.number)}>{`${change.component}#${change.number}`}</a>
      </b>,
      <State mark={change.mark} word={change.word} />,
      change.base,
      change.author,
      change.required.mark ? (
        <State mark={change.required.mark} word={change.required.text.replace(/^\S\s/, "")} />
      ) : (
        <span class="faint">none ran</span>
      ),
      <Age at={change.updated} now={now} />,
      change.title,
      change.next.text,
    ])}
  />
);

export const ReleaseTable: FC<{ releases: readonly ReleaseItem[]; now: number; empty: string }> = ({
  releases,
  now,
  empty,
}) => (
  <Table
    heads={["Release", "State", "Commit", { text: "Age", number: true }, "Images", "Why"]}
    kind="releases"
    empty={empty}
    rows={releases.map((release) => [
      <b>
        <a href={pagePath.release(release.id)}>{release.id}</a>
      </b>,
      <State mark={release.mark} word={release.word} />,
      <code title={release.commit}>{release.commit.slice(0, 7)}</code>,
      <Age at={release.requested} now={now} />,
      release.images.length === 0 ? (
        <span class="faint">no images</span>
      ) : (
        release.images.map((image) => image.name).join(", ")
      ),
      release.reason,
    ])}
  />
);

function canaryCells(canary: ComponentView["canaries"][number], now: number) {
  return [
    canary.tag,
    canary.image,
    <Digest digest={canary.digest} />,
    <a href={pagePath.run(canary.run)}>
      <code>{canary.commit.slice(0, 7)}</code>
    </a>,
    <Age at={canary.moved} now={now} />,
  ];
}
