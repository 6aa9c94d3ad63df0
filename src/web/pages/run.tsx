import { raw } from "hono/html";
import type { FC } from "hono/jsx";
import { pagePath, type RunView } from "../../server/views/index.ts";
import { ClusterTestParts } from "./cluster-test.tsx";
import { Act, type Viewer } from "./layout.tsx";
import type { LogView } from "./log-lines.ts";
import { Clock, Commit, Digest, Facts, lasted, Next, Part, State, Table } from "./parts.tsx";

export const RunPage: FC<{ run: RunView; log: LogView | undefined; viewer: Viewer; now: number }> = ({
  run,
  log,
  viewer,
  now,
}) => {
  const ended = run.finished !== null;
  const id = encodeURIComponent(run.id);
  return (
    <>
      <p class="crumb">
        <a href="/">components</a> / <a href={pagePath.component(run.component)}>{run.component}</a> /{" "}
        <a href="/runs">runs</a> /
      </p>
      <div class="subject">
        <h1>{run.job}</h1>
        <State mark={run.mark} word={run.word} />
        <span class="dim">{run.description}</span>
        <span class="right">
          {ended ? (
            <Act
              viewer={viewer}
              action={`/runs/${id}/rerun`}
              back={`/runs/${id}`}
              label="Run again"
              otherwise={<code>{`fairlead rerun ${run.id}`}</code>}
            />
          ) : (
            <Act
              viewer={viewer}
              action={`/runs/${id}/abort`}
              back={`/runs/${id}`}
              label="Abort"
              otherwise={<code>{`fairlead abort ${run.id}`}</code>}
            />
          )}
        </span>
      </div>
      {run.notRunNeed === null ? null : (
        <div class="reason notrun">
          <h2>{`Not run here: needs ${run.notRunNeed}`}</h2>
          <p>{run.description}</p>
          <p>
            It never counts as green. <code>fairlead doctor</code> tells what this machine can do.
          </p>
        </div>
      )}
      <Facts
        facts={[
          [
            "Of",
            run.change === null ? (
              <>
                {run.refs.base_ref} <Commit id={run.refs.base_sha} />
              </>
            ) : (
              <a href={pagePath.change(run.component, run.change)}>{`${run.component}#${run.change}`}</a>
            ),
          ],
          ["Base", <Commit id={run.baseCommit} />],
          ["Head", <Commit id={run.headCommit} />],
          ["Tested", run.testedCommit === null ? "nothing yet" : <Commit id={run.testedCommit} />],
          ["Tier", run.tier],
          ["Started", <Clock at={run.started} />],
          [
            "Took",
            run.started === null
              ? "–"
              : lasted((run.finished === null ? now : Date.parse(run.finished)) - Date.parse(run.started)),
          ],
          ["Attempt", String(run.attempt)],
          ["Build", <code>{run.buildId ?? "–"}</code>],
          ...(run.release === null
            ? []
            : ([["Release", <a href={pagePath.release(run.release)}>{run.release}</a>]] as const)),
        ]}
      />
      <p class="dim">{`Because: ${run.reason}`}</p>
      {run.reproduce === null ? null : (
        <p class="dim">
          Do it yourself: <code>{run.reproduce}</code>
        </p>
      )}
      {run.clusterTest === null ? null : <ClusterTestParts test={run.clusterTest} />}
      {run.tests === null ? null : <Tests run={run} />}
      <Part title="Log" note={log ? logNote(run, log) : "nothing yet: it waits for a free place"}>
        {log === undefined && ended ? <p class="empty">No log was kept.</p> : null}
        <ol class="log" data-log={ended ? undefined : run.id} data-next={String(log?.next ?? 0)}>
          {(log?.lines ?? []).map((line) => (
            <li id={line.number === undefined ? undefined : `L${line.number}`} class={line.mark}>
              {line.number === undefined ? (
                <span class="no" />
              ) : (
                <a class="no" href={`#L${line.number}`}>
                  {line.number}
                </a>
              )}
              <span>{raw(line.html)}</span>
            </li>
          ))}
        </ol>
      </Part>
      {run.images.length === 0 ? null : (
        <Part title="Images" note="assembled from this run's tree; recorded before anything is published">
          <Table
            heads={["Image", "Digest"]}
            empty=""
            rows={run.images.map((image) => [image.name, <Digest digest={image.digest} />])}
          />
        </Part>
      )}
      <Part title="Artifacts" note="what a job wrote is served apart and never trusted">
        <Table
          heads={["File", { text: "Size", number: true }, "By"]}
          empty={ended ? "None." : "Complete when the run ends."}
          rows={run.artifacts.map((artifact) => [
            <a href={`/results/${run.resultsPath ?? ""}/${artifact.path.split("/").map(encodeURIComponent).join("/")}`}>
              {artifact.path}
            </a>,
            size(artifact.size),
            artifact.writtenBy === "job" ? "the job" : "Fairlead",
          ])}
        />
      </Part>
      <Next next={run.next} />
    </>
  );
};

function logNote(run: RunView, log: LogView) {
  const cut = log.hidden > 0 ? `the first ${size(log.hidden)} are not shown here; ` : "";
  return (
    <>
      {cut}
      {run.finished === null ? "live; " : ""}
      <a href={`/results/${run.resultsPath ?? ""}/build-log.txt`}>raw</a>
    </>
  );
}

const Tests: FC<{ run: RunView }> = ({ run }) => {
  const tests = run.tests;
  if (!tests) return null;
  const note = `${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped: claims of the job; its exit code decides`;
  return (
    <Part title="Tests" note={note}>
      <ol class="failures">
        {tests.failures.map((failure) => (
          <li>
            <State mark="failure" word={failure.name} /> <small>{failure.suite}</small>
            <pre>{failure.message}</pre>
          </li>
        ))}
        {tests.problems.map((problem) => (
          <li>
            <State mark="error" word="not read" /> {problem}
          </li>
        ))}
      </ol>
    </Part>
  );
};

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
