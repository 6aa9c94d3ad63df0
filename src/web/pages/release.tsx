import type { FC } from "hono/jsx";
import {
  glyphs,
  type Mark,
  markOfPublication,
  pagePath,
  type ReleaseProofView,
  type ReleaseView,
  type Station,
} from "../../server/views/index.ts";
import { ReleaseTable } from "./component.tsx";
import { Act, type Viewer } from "./layout.tsx";
import { Clock, Commit, Copy, Digest, Facts, lasted, Next, Part, State, Table } from "./parts.tsx";

/** A release is one line from left to right; what holds it stands on top. */
export const ReleasePage: FC<{ release: ReleaseView; viewer: Viewer; now: number }> = ({ release, viewer, now }) => {
  const path = pagePath.release(release.id);
  return (
    <>
      <p class="crumb">
        <a href="/">components</a> / <a href={pagePath.component(release.component)}>{release.component}</a> /{" "}
        <a href="/releases">releases</a> /
      </p>
      <div class="subject">
        <h1>{`${release.component} ${release.version}`}</h1>
        <State mark={release.mark} word={release.word} />
        {release.prerelease ? <span class="dim">pre-release: not production ready</span> : null}
        <span class="dim">{release.reason}</span>
      </div>
      {release.withdrawn === null ? null : (
        <div class="reason withdrawn">
          <h2>
            <State mark="withdrawn" word="Withdrawn: do not use it" />
          </h2>
          <dl>
            <dt>Why</dt>
            <dd>{release.withdrawn.reason}</dd>
            <dt>By</dt>
            <dd>
              {release.withdrawn.by}, <Clock at={release.withdrawn.at} />
            </dd>
            <dt>Stays</dt>
            <dd>its bytes and its tag: what was pulled keeps its meaning</dd>
          </dl>
        </div>
      )}
      {release.hold === null ? null : <Hold release={release} viewer={viewer} />}
      <ol class="strip">
        {release.strip.map((station) => (
          <li class={station.state}>
            <span class="glyph" aria-hidden="true">
              {glyphs[markOf(station)]}
            </span>
            <b>{station.name}</b>
            <span class="lasted">{station.lastedMs === null ? "" : lasted(station.lastedMs)}</span>
            <small>{station.at === null ? "" : `${station.at.slice(11, 19)} UTC`}</small>
            <small>{station.note}</small>
          </li>
        ))}
      </ol>
      <Facts
        facts={[
          ["Commit", <Commit id={release.commit} />],
          ["Tag object", <Commit id={release.tagObject} />],
          ["Asked by", release.requestedBy],
          ["Asked", <Clock at={release.requested} />],
          ["Published", <Clock at={release.published} />],
          [
            "Built by",
            release.run ? <a href={pagePath.run(release.run.id)}>{release.run.job}</a> : "nothing was built",
          ],
          ...(release.approved
            ? ([["Approved", `by ${release.approved.by}: ${release.approved.reason}`]] as const)
            : []),
        ]}
      />
      <Part title="Images" note={release.withoutImages ? undefined : "published once; a tag always means these bytes"}>
        <Table
          heads={["Image", "Platforms", "Digest", "Registries"]}
          empty={release.withoutImages ? "This component has no images: its tag is the release." : "None yet."}
          rows={release.images.map((image) => [
            <b>{image.name}</b>,
            image.platforms.join(", "),
            image.digest === null ? <span class="faint">not built</span> : <Digest digest={image.digest} />,
            <>
              {image.registries.map((each) => (
                <span class="registry">
                  <State
                    mark={markOfPublication(each.state).mark}
                    word={`${each.registry}: ${markOfPublication(each.state).word}`}
                  />
                  {each.detail === "" ? null : <small>{each.detail}</small>}
                </span>
              ))}
            </>,
          ])}
        />
      </Part>
      {release.proof === null ? null : <Proof proof={release.proof} />}
      {release.findings.length === 0 || release.hold !== null ? null : (
        <Part title="Findings" note="of the preflight; none of them stopped it">
          <Table
            heads={["Rule", "Severity", "Fact"]}
            empty=""
            rows={release.findings.map((finding) => [finding.rule, finding.severity, finding.message])}
          />
        </Part>
      )}
      {release.lanes.length === 0 ? null : (
        <Part
          title="Stable lane"
          note="everything else as pinned, with this release in its place; a red one refuses the final"
        >
          <Table
            heads={["Job", "State", "What"]}
            empty=""
            rows={release.lanes.map((lane) => [
              <a href={pagePath.run(lane.run)}>{lane.job}</a>,
              <State mark={lane.mark} word={lane.word} />,
              lane.description,
            ])}
          />
        </Part>
      )}
      {release.notes.length === 0 ? null : (
        <Part title="Tested by people" note="the newest result counts">
          <Table
            heads={["Result", "What", "Who", "When"]}
            empty=""
            rows={release.notes.map((note) => [
              <State mark={note.result === "pass" ? "success" : "failure"} word={note.result} />,
              note.text,
              note.by,
              <Clock at={note.at} />,
            ])}
          />
        </Part>
      )}
      {release.unchecked.length === 0 ? null : (
        <Part title="Not checked">
          <Table heads={["Rule", "Why"]} empty="" rows={release.unchecked.map((each) => [each.rule, each.reason])} />
        </Part>
      )}
      {release.others.length === 0 ? null : (
        <Part title="Other releases">
          <ReleaseTable releases={release.others} now={now} empty="" />
        </Part>
      )}
      {release.pull === null || release.pull === release.next.command ? null : (
        <p class="next">
          <span class="dim">Pull</span>
          <span class="whole">
            <code>{release.pull}</code> <Copy text={release.pull} />
          </span>
        </p>
      )}
      <Next next={release.next} />
      <p class="dim">
        <a href={`/why?subject=${encodeURIComponent(release.id)}`}>Every decision about it, with its reason</a> ·{" "}
        <a href={path}>this page</a>
      </p>
    </>
  );
};

const kinds: Readonly<Record<string, string>> = {
  signature: "signature",
  provenance: "provenance (SLSA 1.0)",
  sbom: "bill of materials (SPDX 2.3)",
};

const Proof: FC<{ proof: ReleaseProofView }> = ({ proof }) => (
  <>
    <Part title="Proof" note="made before the tag was given; anybody checks it with a registry and the public key">
      <Facts
        facts={[
          ["Signed by", <code>{proof.key.slice(0, 12)}</code>],
          ["Signed", <Clock at={proof.signed} />],
          ["Record", <code>{proof.recordHead.slice(0, 12)}</code>],
        ]}
      />
      <Table
        heads={["Statement", "About", "Digest"]}
        empty=""
        rows={proof.statements.map((each) => [
          `${each.image}${each.image === "" ? "" : " "}${kinds[each.kind] ?? each.kind}`,
          <Digest digest={each.subject} />,
          <Digest digest={each.digest} />,
        ])}
      />
      {proof.commands.map((command) => (
        <p class="next">
          <span class="dim">Check</span>
          <span class="whole">
            <code>{command}</code> <Copy text={command} />
          </span>
        </p>
      ))}
    </Part>
    {proof.files.length === 0 ? null : (
      <Part title="Files" note="published with the release; their addresses stay">
        <Table
          heads={["File", "Bytes", "Digest"]}
          empty=""
          rows={proof.files.map((file) => [
            <a href={file.url}>{file.path}</a>,
            file.size.toLocaleString("en"),
            <Digest digest={file.digest} />,
          ])}
        />
      </Part>
    )}
  </>
);

function markOf(station: Station): Mark {
  const marks: Readonly<Record<Station["state"], Mark>> = {
    done: "success",
    held: "quarantined",
    now: "running",
    ahead: "queued",
    failed: "failure",
    published: "published",
    closed: "aborted",
  };
  return marks[station.state];
}

const Hold: FC<{ release: ReleaseView; viewer: Viewer }> = ({ release, viewer }) => {
  const hold = release.hold;
  if (!hold) return null;
  const path = pagePath.release(release.id);
  return (
    <div class="reason quarantined">
      <h2>
        <State mark="quarantined" word="Held: nothing is built from this tag" />
      </h2>
      {hold.findings.map((finding) => (
        <dl>
          <dt>Rule</dt>
          <dd>
            <code>{finding.rule}</code>
          </dd>
          <dt>Fact</dt>
          <dd>{finding.message}</dd>
          <dt>Fix</dt>
          <dd>{finding.satisfiedBy}</dd>
        </dl>
      ))}
      <dl>
        <dt>May approve</dt>
        <dd>{hold.approvable ? hold.approvers.join(", ") : "nobody: this rule cannot be overridden"}</dd>
        {hold.approvable ? (
          <>
            <dt>Would approve</dt>
            <dd>
              tag <code>{release.tagObject.slice(0, 7)}</code> on <code>{release.commit.slice(0, 7)}</code>, findings{" "}
              <code>{release.findingsHash.slice(0, 12)}</code>
            </dd>
          </>
        ) : null}
      </dl>
      {hold.approvable ? (
        <Act
          viewer={viewer}
          action={`/releases/${encodeURIComponent(release.id)}/approve`}
          back={path}
          label="Approve"
          solid
          field={{ name: "reason", label: "Reason, kept with the release" }}
          otherwise={<code>{`fairlead approve ${release.id} --reason TEXT`}</code>}
        />
      ) : null}
    </div>
  );
};
