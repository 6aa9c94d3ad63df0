import type { FC } from "hono/jsx";
import { type ChangeView, pagePath, type RunRef } from "../../server/views/index.ts";
import { Act, type Viewer } from "./layout.tsx";
import { Clock, Commit, Copy, Facts, Next, Part, RunTable, State, Table } from "./parts.tsx";

export const ChangePage: FC<{ change: ChangeView; viewer: Viewer; now: number }> = ({ change, viewer, now }) => {
  const path = `/changes/${encodeURIComponent(change.component)}/${change.number}`;
  const open = change.state === "open";
  const stranger = change.authorRole === null && !change.headAllowed;
  return (
    <>
      <p class="crumb">
        <a href="/">components</a> / <a href={pagePath.component(change.component)}>{change.component}</a> / changes /
      </p>
      <div class="subject">
        <h1>{`#${change.number} ${change.title}`}</h1>
        <State mark={change.mark} word={change.word} />
      </div>
      {open && change.blockers.length > 0 ? (
        <div class="reason">
          <h2>May not be merged yet</h2>
          <ul>
            {change.blockers.map((blocker) => (
              <li>{blocker}</li>
            ))}
          </ul>
        </div>
      ) : null}
      <Facts
        facts={[
          ["Author", `${change.author}${change.authorRole === null ? ", no role here" : `, ${change.authorRole}`}`],
          ["Head", <Commit id={change.head} />],
          [
            "Base",
            <>
              {change.base} <Commit id={change.baseCommit} />
            </>,
          ],
          ...(change.forRelease === null ? [] : ([["For", change.forRelease]] as const)),
          ...(change.backportOf === null
            ? []
            : ([
                [
                  "Backport of",
                  <a href={pagePath.change(change.component, change.backportOf)}>{`#${change.backportOf}`}</a>,
                ],
              ] as const)),
          ["Opened", <Clock at={change.opened} />],
          ["Updated", <Clock at={change.updated} />],
          ...(change.merged
            ? ([
                [
                  "Merged",
                  <>
                    by {change.merged.by} as <Commit id={change.merged.commit} />
                  </>,
                ],
                ...(change.merged.override === null ? [] : ([["Overridden", change.merged.override]] as const)),
              ] as const)
            : []),
        ]}
      />
      {change.ownTests.length === 0 && change.inRepo === null ? null : (
        <Part title="How it is tested" note="says this change itself">
          {change.inRepo === null ? null : <p>{change.inRepo}</p>}
          {change.ownTests.length === 0 ? null : (
            <p>
              {`It edits ${change.ownTests.slice(0, 10).join(", ")}${change.ownTests.length > 10 ? ` and ${change.ownTests.length - 10} more` : ""}: what they say in this change, merged with ${change.base}, is what is run. The family's own jobs and the gate stay as they are.`}
            </p>
          )}
        </Part>
      )}
      <Part title="Required checks" note="of this head merged with its base; a merge waits for them">
        <CheckTable
          runs={change.required.runs}
          empty={stranger ? "Not started: a maintainer has to allow this head commit first." : "None was started yet."}
        />
      </Part>
      {change.optional.length === 0 ? null : (
        <Part title="Optional checks" note="never block">
          <CheckTable runs={change.optional} empty="" />
        </Part>
      )}
      <Part title="Files" note={`${change.files.length}`}>
        <ul class="files">
          {change.files.slice(0, 100).map((file) => (
            <li>
              <code>{file}</code>
            </li>
          ))}
          {change.files.length > 100 ? <li>{`and ${change.files.length - 100} more`}</li> : null}
        </ul>
      </Part>
      {change.earlier.length === 0 ? null : (
        <Part title="Earlier runs" note="of earlier heads, and superseded ones">
          <RunTable runs={change.earlier} now={now} empty="" />
        </Part>
      )}
      {open ? (
        <div class="acts">
          <p>
            Update it:{" "}
            <span class="whole">
              <code>{change.update}</code> <Copy text={change.update} />
            </span>
          </p>
          {stranger ? (
            <Act
              viewer={viewer}
              action={`${path}/allow`}
              back={path}
              label="Allow this head to be tested"
              otherwise={<code>{`fairlead allow ${change.component} ${change.number}`}</code>}
            />
          ) : null}
          <Act
            viewer={viewer}
            action={`${path}/merge`}
            back={path}
            label="Merge"
            solid={change.blockers.length === 0}
            otherwise={
              <>
                Merge it: <code>{change.merge}</code> <Copy text={change.merge} />
              </>
            }
          />
        </div>
      ) : null}
      <Next next={change.next} />
    </>
  );
};

const CheckTable: FC<{ runs: readonly RunRef[]; empty: string }> = ({ runs, empty }) => (
  <Table
    heads={["Check", "State", "What"]}
    empty={empty}
    rows={runs.map((run) => [
      <a href={pagePath.run(run.id)}>{run.context}</a>,
      <State mark={run.mark} word={run.word} />,
      `${run.description}${run.failedTest === null ? "" : ` (${run.failedTest})`}`,
    ])}
  />
);
