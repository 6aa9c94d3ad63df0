import type { FC } from "hono/jsx";
import { counted, type FamilyView, pagePath, type StatusView } from "../../server/views/index.ts";
import { Age, Copy, Next, NextWords, Part, ReleaseName, State, Table, WithdrawnNote } from "./parts.tsx";

const mostNeeds = 7;

/** The family at a glance: what needs a person, then every component in its place. */
export const FamilyPage: FC<{ family: FamilyView; status: StatusView; now: number }> = ({ family, status, now }) => {
  const needs = status.items.filter((row) => row.next.urgency === "person");
  return (
    <>
      <div class="subject">
        <h1>{family.family}</h1>
        <span class="dim">{sentence(status)}</span>
      </div>
      {needs.length === 0 && family.problem === null && family.auditFindings === 0 ? null : (
        <Part title="Needs a person">
          <ul class="needs">
            {family.problem === null ? null : (
              <li>
                <b>configuration</b>
                <span />
                <span>
                  <State mark="error" word="not in force" /> {family.problem}. The last good one is:{" "}
                  <code>fairlead check</code>
                </span>
              </li>
            )}
            {family.auditFindings === 0 ? null : (
              <li>
                <b>
                  <a href={pagePath.registries}>registries</a>
                </b>
                <span />
                <span>
                  <State mark="error" word={counted(family.auditFindings, "difference")} /> between the registries and
                  the record: <code>fairlead audit --last</code>
                </span>
              </li>
            )}
            {needs.slice(0, mostNeeds).map((row) => (
              <li>
                <b>
                  <a href={pagePath.component(row.component)}>{row.component}</a>
                </b>
                <span>
                  <Age at={row.next.since} now={now} />
                </span>
                <NextWords next={row.next} />
              </li>
            ))}
            {needs.length > mostNeeds ? <li>{`and ${needs.length - mostNeeds} more`}</li> : null}
          </ul>
        </Part>
      )}
      {family.fresh ? <Checklist family={family} /> : null}
      <Part title="Components" note={`${status.items.length}, by name`}>
        <Table
          heads={[
            "Component",
            "Release",
            { text: "Age", number: true },
            "Head",
            "Required",
            "Canary",
            { text: "Moved", number: true },
            "Next",
          ]}
          kind="components"
          empty={
            <>
              No component yet. Write a family file: <code>fairlead init URL…</code>
            </>
          }
          rows={status.items.map((row) => [
            <b>
              <a href={pagePath.component(row.component)}>{row.component}</a>
            </b>,
            <>
              {row.release ? (
                <ReleaseName release={row.release} />
              ) : (
                <span class="faint">{row.kind === "internal" ? "internal" : "none yet"}</span>
              )}
              <WithdrawnNote withdrawn={row.withdrawn} />
            </>,
            <Age at={row.release?.published} now={now} />,
            row.head ? (
              <code title={row.head.commit}>{row.head.commit.slice(0, 7)}</code>
            ) : (
              <span class="faint">{row.state}</span>
            ),
            row.required.mark ? (
              <State mark={row.required.mark} word={row.required.text.replace(/^\S\s/, "")} />
            ) : (
              <span class="faint">none ran</span>
            ),
            row.canary ? (
              <code title={row.canary.commit}>{row.canary.commit.slice(0, 7)}</code>
            ) : (
              <span class="faint">–</span>
            ),
            <Age at={row.canary?.moved} now={now} />,
            <NextWords next={row.next} />,
          ])}
        />
      </Part>
      <Next next={status.next} />
    </>
  );
};

function sentence(status: StatusView): string {
  const parts = [
    `${status.items.length} components`,
    status.needsPerson > 0 ? `${status.needsPerson} need a person` : "nothing needs a person",
    ...(status.ready > 0 ? [`${status.ready} ready to release`] : []),
  ];
  return parts.join(", ");
}

/** The first page of a new family: a list that ticks itself. */
const Checklist: FC<{ family: FamilyView }> = ({ family }) => (
  <Part title="First steps" note="ticks itself; gone after the first release">
    <ol class="checklist">
      {family.checklist.map((item) => (
        <li>
          <State mark={item.mark} word={item.word} />
          <span>
            {item.text}
            {item.command === undefined ? null : (
              <span class="whole command">
                <code>{item.command}</code> <Copy text={item.command} />
              </span>
            )}
          </span>
          <small>{item.note ?? ""}</small>
        </li>
      ))}
    </ol>
  </Part>
);
