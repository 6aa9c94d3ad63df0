import type { FC } from "hono/jsx";
import { type AuditView, counted, pagePath, type RegistriesView } from "../../server/views/index.ts";
import { Act, type Viewer } from "./layout.tsx";
import { Age, Digest, lasted, Next, Part, State, Table } from "./parts.tsx";

/** Component × registry, what is left, and what the auditor found. */
export const RegistriesPage: FC<{ view: RegistriesView; viewer: Viewer; now: number }> = ({ view, viewer, now }) => (
  <>
    <div class="subject">
      <h1>Registries</h1>
      <span class="dim">{sentence(view)}</span>
    </div>
    {view.audit.items.length === 0 ? null : (
      <Part title="Differences from the record" note="shown, never repaired by itself">
        <Table
          heads={["Kind", "Image", "Registry", { text: "Since", number: true }, "What", "To do"]}
          kind="findings"
          empty=""
          rows={view.audit.items.map((item) => [
            <State mark="error" word={item.kind} />,
            item.release === null ? (
              `${item.image}:${item.tag}`
            ) : (
              <a href={pagePath.release(item.release)}>{`${item.image}:${item.tag}`}</a>
            ),
            item.registry,
            <Age at={item.since} now={now} />,
            item.sentence,
            item.remedy.startsWith("fairlead ") ? <code>{item.remedy}</code> : item.remedy,
          ])}
        />
      </Part>
    )}
    <Part title="Component × registry" note="one digest everywhere">
      <Table
        heads={["Component", "Image", ...view.registries]}
        kind="registries"
        empty={
          <>
            No image was released yet. <code>fairlead release</code> lists what could be.
          </>
        }
        rows={view.items.map((item) => [
          <b>
            <a href={pagePath.component(item.component)}>{item.component}</a>
          </b>,
          item.image,
          ...item.registries.map((cell) => (
            <span class="registry">
              <State mark={cell.mark} word={cell.word} />
              {cell.newest === null ? null : <small>{`newest ${cell.newest}`}</small>}
            </span>
          )),
        ])}
      />
    </Part>
    {view.left.length === 0 ? null : (
      <Part
        title="Left"
        note={
          view.leftOut > 0
            ? `the first ${view.left.length}; ${view.leftOut} more`
            : "what is under way is tried again by itself, later each time; what is absent waits to be asked for"
        }
      >
        <Table
          heads={["Release", "Image", "Digest", "Registry", "State", "Why"]}
          kind="left"
          empty=""
          rows={view.left.map((each) => [
            <a href={pagePath.release(each.release)}>{each.release}</a>,
            each.image,
            <Digest digest={each.digest} />,
            each.registry,
            <State mark={each.mark} word={each.word} />,
            each.detail,
          ])}
        />
        <Act
          viewer={viewer}
          action="/registries/promote"
          back={pagePath.registries}
          label="Copy and try again now"
          hidden={{ all: "true" }}
          otherwise={
            <>
              At once: <code>fairlead promote --all</code>
            </>
          }
        />
      </Part>
    )}
    <Part title="Audit" note={auditNote(view.audit)}>
      <p class="empty">{auditSentence(view.audit)}</p>
      {view.audit.unread.length === 0 ? null : (
        <Table
          heads={["Registry", "State", "Why"]}
          empty=""
          rows={view.audit.unread.map((each) => [each.registry, <State mark="error" word="not read" />, each.reason])}
        />
      )}
      <Act
        viewer={viewer}
        action="/audit"
        back={pagePath.registries}
        label="Audit now"
        otherwise={
          <>
            Now: <code>fairlead audit</code>
          </>
        }
      />
    </Part>
    <Next next={view.next} />
  </>
);

function sentence(view: RegistriesView): string {
  const left = view.left.length + view.leftOut;
  const parts = [
    counted(view.registries.length, "release registry", "release registries"),
    counted(view.items.length, "image"),
    left === 0 ? "every release is everywhere" : `${left} left to do`,
    ...(view.audit.items.length === 0 ? [] : [counted(view.audit.items.length, "difference") + " from the record"]),
  ];
  return parts.join(", ");
}

function auditNote(audit: AuditView): string {
  return audit.everyMs === null ? "only when asked for" : `every ${lasted(audit.everyMs)}`;
}

function auditSentence(audit: AuditView): string {
  if (audit.finished === null)
    return "No audit was made yet: whether the registries still hold what was published is not known.";
  const at = `${audit.finished.slice(0, 10)} ${audit.finished.slice(11, 16)} UTC`;
  const found = audit.items.length === 0 ? "no difference" : counted(audit.items.length, "difference");
  const unread =
    audit.unread.length === 0 ? "" : `; ${counted(audit.unread.length, "registry", "registries")} could not be read`;
  return `${at}: ${counted(audit.compared, "tag")} compared with the record, ${found}${unread}.`;
}
