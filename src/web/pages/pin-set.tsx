import type { FC } from "hono/jsx";
import { type PinnedComponentView, type PinSetItem, type PinSetView, pagePath } from "../../server/views/index.ts";
import { Age, Clock, Commit, Digest, Facts, Part, RunTable, Table } from "./parts.tsx";

const origins = { release: "as pinned", canary: "canary", replaced: "in the place of what is pinned" } as const;

/** What was tested of each component: one commit, and the digests of its images. */
export const PinnedComponents: FC<{ components: readonly PinnedComponentView[] }> = ({ components }) => (
  <Table
    heads={["Component", "Version", "Commit", "From", "Image", "Digest"]}
    empty="None."
    rows={components.flatMap((component) =>
      component.images.map((image, index) => [
        index === 0 ? <a href={pagePath.component(component.component)}>{component.component}</a> : "",
        component.version,
        <Commit id={component.commit} />,
        index === 0 ? origins[component.from] : "",
        image.name,
        <Digest digest={image.digest} />,
      ]),
    )}
  />
);

export const PinSetPage: FC<{ set: PinSetView; now: number }> = ({ set, now }) => (
  <>
    <p class="crumb">
      <a href="/">components</a> / <a href="/pin-sets">pin sets</a> /
    </p>
    <div class="subject">
      <h1>{`Pin set ${set.id.slice(0, 12)}`}</h1>
      <span class="dim">exactly which images were tested together; kept for ever</span>
    </div>
    <Facts
      facts={[
        ["Deployment", <a href={pagePath.component(set.deployment.component)}>{set.deployment.component}</a>],
        ["Of", <Commit id={set.deployment.commit} />],
        ["Folder", set.deployment.folder === "" ? "what it pins" : set.deployment.folder],
        ["Resolved", <Clock at={set.resolved} />],
        ["Id", <Digest digest={`sha256:${set.id}`} />],
      ]}
    />
    <Part title="Components" note="all images of a component, its RBAC and its CRDs come from one commit">
      <PinnedComponents components={set.components} />
    </Part>
    <Part
      title="Platforms"
      note="a loaded image shows the digest of its config in a cluster, a pulled one that of its manifest"
    >
      <Table
        heads={["Image", "Platform", "Manifest", "Config"]}
        empty="None."
        rows={set.components.flatMap((component) =>
          component.images.flatMap((image) =>
            image.platforms.map((each) => [
              image.name,
              each.platform,
              <Digest digest={each.manifest} />,
              <Digest digest={each.config} />,
            ]),
          ),
        )}
      />
    </Part>
    {set.before === null ? null : (
      <Part
        title="Differences"
        note={
          <>
            from <a href={pagePath.pinSet(set.before)}>{set.before.slice(0, 12)}</a>
          </>
        }
      >
        <Table
          heads={["Component", "Before", "Now", "Images"]}
          empty="None: the same images of the same commits."
          rows={set.differences.map((each) => [
            each.component,
            each.before ?? "not there",
            each.after ?? "not there",
            each.images.length === 0 ? "the same bytes" : each.images.join(", "),
          ])}
        />
      </Part>
    )}
    <Part title="Runs" note="that tested it">
      <RunTable runs={set.runs} now={now} empty="No run came so far as to deploy it." />
    </Part>
  </>
);

export const PinSetsPage: FC<{ sets: readonly PinSetItem[]; now: number }> = ({ sets, now }) => (
  <>
    <div class="subject">
      <h1>Pin sets</h1>
      <span class="dim">which images were tested together, the newest first</span>
    </div>
    <Part title="All deployments">
      <Table
        heads={["Set", "Deployment", "Of", "Components", { text: "Age", number: true }]}
        empty="None yet. Tests in clusters resolve them from the record."
        rows={sets.map((set) => [
          <a href={pagePath.pinSet(set.id)}>
            <code>{set.id.slice(0, 12)}</code>
          </a>,
          set.deployment,
          <Commit id={set.commit} />,
          set.components.map((each) => `${each.component} ${each.version}`).join(", "),
          <Age at={set.resolved} now={now} />,
        ])}
      />
    </Part>
  </>
);
