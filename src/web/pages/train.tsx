import type { FC } from "hono/jsx";
import type { TrainItem, TrainState } from "../../policy/index.ts";
import {
  counted,
  type Mark,
  pagePath,
  shellWord,
  type TrainPlanView,
  type TrainView,
} from "../../server/views/index.ts";
import { Age, Clock, Copy, Part, State, Table } from "./parts.tsx";

const marks: Readonly<Record<TrainState, { readonly mark: Mark; readonly word: string }>> = {
  ready: { mark: "success", word: "ready" },
  blocked: { mark: "failure", word: "blocked" },
  waits: { mark: "queued", word: "waits" },
  going: { mark: "running", word: "going" },
};

/** What needs a release, in order, and the trains that go. */
export const TrainPage: FC<{ plan: TrainPlanView; now: number }> = ({ plan, now }) => (
  <>
    <div class="subject">
      <h1>Train</h1>
      <span class="dim">{sentence(plan)}</span>
    </div>
    {plan.trains
      .filter((train) => train.state === "going")
      .map((train) => (
        <OneTrain train={train} now={now} />
      ))}
    <Part title="What needs a release" note="in the order of release: what is pinned comes first">
      <Table
        heads={["Component", "Version", "Branch", "State", "Why", "Who acts next"]}
        kind="train"
        empty="Nothing: every commit is released and every pin is the newest."
        rows={plan.items.map((item) => [
          <b>
            <a href={pagePath.component(item.component)}>{item.component}</a>
          </b>,
          <span>
            {item.version}
            {item.last === null ? null : <small class="dim">{` after ${item.last}`}</small>}
          </span>,
          <span>
            {item.branch} <code title={item.commit}>{item.commit.slice(0, 7)}</code>
          </span>,
          <State {...marks[item.state]} />,
          <Why item={item} />,
          <span>
            {item.state === "waits" ? "nobody yet" : item.who}
            <span class="whole command">
              <code>{item.command}</code> <Copy text={item.command} />
            </span>
          </span>,
        ])}
      />
    </Part>
    {plan.redLanes.length === 0 ? null : (
      <Part title="Red lanes" note="what is released now was not seen to work together">
        <Table
          heads={["Lane", "State", "Next"]}
          empty=""
          rows={plan.redLanes.map((lane) => [
            <a href={pagePath.run(lane.run)}>{lane.name}</a>,
            <State mark="failure" word={lane.state} />,
            <code>{`fairlead logs ${shellWord(lane.run)}`}</code>,
          ])}
        />
      </Part>
    )}
    {plan.rest.length === 0 ? null : (
      <Part title="Nothing to release">
        <Table
          heads={["Component", "Branch", "Because"]}
          empty=""
          rows={plan.rest.map((each) => [
            <a href={pagePath.component(each.component)}>{each.component}</a>,
            each.branch,
            each.reason,
          ])}
        />
      </Part>
    )}
    {plan.trains
      .filter((train) => train.state !== "going")
      .slice(0, 3)
      .map((train) => (
        <OneTrain train={train} now={now} />
      ))}
    {plan.items.length === 0 ? null : (
      <p class="next">
        <span class="dim">Next</span>
        <span>write the train down, edit it, and start it</span>
        <span class="whole">
          <code>fairlead train --output train.yaml</code> <Copy text="fairlead train --output train.yaml" />
        </span>
        <span class="whole">
          <code>fairlead release --train train.yaml</code> <Copy text="fairlead release --train train.yaml" />
        </span>
      </p>
    )}
  </>
);

function sentence(plan: TrainPlanView): string {
  const states: readonly TrainState[] = ["ready", "blocked", "waits", "going"];
  const counts = states.flatMap((state) => {
    const count = plan.items.filter((item) => item.state === state).length;
    return count === 0 ? [] : [`${count} ${marks[state].word}`];
  });
  return counts.length === 0 ? "no component needs a release" : counts.join(", ");
}

const Why: FC<{ item: TrainItem }> = ({ item }) => (
  <span>
    {item.why}
    {item.after.length === 0 ? null : <span class="dim">{`; after ${item.after.join(", ")}`}</span>}
    {item.blockers.map((blocker) => (
      <span class="blocker">{blocker.what}</span>
    ))}
    {item.notes.map((note) => (
      <span class="blocker dim">{note}</span>
    ))}
  </span>
);

const OneTrain: FC<{ train: TrainView; now: number }> = ({ train, now }) => (
  <Part
    title={`Train ${train.id}`}
    note={
      <>
        {`${counted(train.stops.length, "release")}, started by ${train.by} `}
        <Clock at={train.started} />
        {train.state === "going" ? "" : `, ${train.state}${train.reason === "" ? "" : `: ${train.reason}`}`}
      </>
    }
  >
    <Table
      heads={["Release", "State", { text: "Since", number: true }, "What"]}
      empty=""
      rows={train.stops.map((stop) => [
        stop.release === null ? (
          `${stop.component} ${stop.version}`
        ) : (
          <a href={pagePath.release(stop.release)}>{`${stop.component} ${stop.version}`}</a>
        ),
        <State mark={stop.mark} word={stop.word} />,
        <Age at={stop.ended ?? stop.began} now={now} />,
        stop.change === null || stop.state === "published" ? (
          stop.reason
        ) : (
          <a href={pagePath.change(stop.component, stop.change)}>{stop.reason}</a>
        ),
      ])}
    />
  </Part>
);
