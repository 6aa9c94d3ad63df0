import type { Child, FC, PropsWithChildren } from "hono/jsx";
import { glyphs, type Mark, type NextStep, pagePath, type RunItem } from "../../server/views/index.ts";

/** A state: glyph, word, colour; never one without the others. */
export const State: FC<{ mark: Mark; word: string }> = ({ mark, word }) => (
  <span class={`state ${mark}`}>
    <span class="glyph" aria-hidden="true">
      {glyphs[mark]}
    </span>
    {word}
  </span>
);

/** Seven characters, the whole in the title and behind `copy`. */
export const Commit: FC<{ id: string }> = ({ id }) => (
  <span class="whole">
    <code title={id}>{id.slice(0, 7)}</code> <Copy text={id} />
  </span>
);

/** `1f2e3d…6a5b4c`. */
export const Digest: FC<{ digest: string }> = ({ digest }) => {
  const hex = digest.slice(digest.indexOf(":") + 1);
  return (
    <span class="whole">
      <code title={digest}>{`${hex.slice(0, 6)}…${hex.slice(-6)}`}</code> <Copy text={digest} />
    </span>
  );
};

export const Copy: FC<{ text: string }> = ({ text }) => (
  <button type="button" class="quiet" data-copy={text} hidden>
    copy
  </button>
);

/** Age in lists; clock time and the whole in the title. */
export const Age: FC<{ at: string | null | undefined; now: number }> = ({ at, now }) =>
  at === null || at === undefined ? null : (
    <time datetime={at} title={`${at.slice(0, 19).replace("T", " ")} UTC`}>
      {ageOf(at, now)}
    </time>
  );

export const Clock: FC<{ at: string | null | undefined }> = ({ at }) =>
  at === null || at === undefined ? (
    <span>–</span>
  ) : (
    <time datetime={at} title={at}>
      {`${at.slice(0, 10)} ${at.slice(11, 19)} UTC`}
    </time>
  );

export function ageOf(at: string, now: number): string {
  return lasted(Math.max(0, now - Date.parse(at)));
}

/** `2 h 14 min`, `41 d`, `3.2 s`. */
export function lasted(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d`;
}

/** A version that was released here leads to its page; one that was there before is said to be. */
export const ReleaseName: FC<{ release: { readonly id: string | null; readonly version: string } }> = ({ release }) =>
  release.id === null ? (
    <span title="a tag that was there when the component was taken in; never rebuilt">{release.version} (adopted)</span>
  ) : (
    <a href={pagePath.release(release.id)}>{release.version}</a>
  );

/** A newer release that is not to be used. */
export const WithdrawnNote: FC<{
  withdrawn: { readonly id: string; readonly version: string; readonly reason: string } | null;
}> = ({ withdrawn }) =>
  withdrawn === null ? null : (
    <span title={withdrawn.reason}>
      {" "}
      <a href={pagePath.release(withdrawn.id)}>
        <State mark="withdrawn" word={`${withdrawn.version} withdrawn`} />
      </a>
    </span>
  );

/** A part of a page under its own head. */
export const Part: FC<PropsWithChildren<{ title: string; note?: Child }>> = ({ title, note, children }) => (
  <section class="part">
    <div class="part-head">
      <h2>{title}</h2>
      {note === undefined ? null : <small>{note}</small>}
    </div>
    {children}
  </section>
);

/** Labelled values in one line under the subject. */
export const Facts: FC<{ facts: readonly (readonly [string, Child])[] }> = ({ facts }) => (
  <dl class="facts">
    {facts.map(([name, value]) => (
      <div>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
);

/** A next step in a row: the words that name the state carry its glyph and colour, in their place in the sentence. */
export const NextWords: FC<{ next: NextStep }> = ({ next }) => {
  const { mark, text, page } = next;
  const at = mark === undefined ? -1 : text.indexOf(mark.word);
  const link = (words: string) => (page === undefined || words.trim() === "" ? words : <a href={page}>{words}</a>);
  if (mark === undefined || at < 0) return <span>{link(text)}</span>;
  return (
    <span>
      {text.slice(0, at)}
      <State mark={mark.state} word={mark.word} />
      {link(text.slice(at + mark.word.length))}
    </span>
  );
};

/** The next step, last on a page. */
export const Next: FC<{ next: NextStep; label?: string }> = ({ next, label }) => (
  <p class="next">
    <span class="dim">{label ?? (next.urgency === "none" ? "Nothing to do" : "Next")}</span>
    <span>{next.page === undefined ? next.text : <a href={next.page}>{next.text}</a>}</span>
    {next.command === undefined ? null : (
      <span class="whole">
        <code>{next.command}</code> <Copy text={next.command} />
      </span>
    )}
  </p>
);

/** A table whose rows fold into blocks on a narrow screen; it keeps its roles there. */
export const Table: FC<{
  heads: readonly (string | { readonly text: string; readonly number: true })[];
  rows: readonly (readonly Child[])[];
  empty: Child;
  kind?: string;
}> = ({ heads, rows, empty, kind }) => {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  const names = heads.map((head) => (typeof head === "string" ? head : head.text));
  const numbers = heads.map((head) => typeof head !== "string");
  return (
    <table class={`fold ${kind ?? ""}`} role="table">
      <thead>
        <tr role="row">
          {names.map((name, index) => (
            <th scope="col" class={numbers[index] ? "number" : ""}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr role="row">
            {row.map((cell, index) => (
              <td
                role="cell"
                data-label={index === 0 ? undefined : names[index]}
                class={numbers[index] ? "number" : ""}
              >
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
};

/** Runs, newest first. */
export const RunTable: FC<{ runs: readonly RunItem[]; now: number; empty: Child }> = ({ runs, now, empty }) => (
  <Table
    heads={["Job", "State", "Of", "Tier", { text: "Age", number: true }, "What"]}
    kind="runs"
    empty={empty}
    rows={runs.map((run) => [
      <a href={pagePath.run(run.id)}>{run.job}</a>,
      <State mark={run.mark} word={run.word} />,
      run.change === null ? (
        <span>
          {run.refs.base_ref} <code title={run.refs.base_sha}>{run.refs.base_sha.slice(0, 7)}</code>
        </span>
      ) : (
        <a href={pagePath.change(run.component, run.change)}>{`${run.component}#${run.change}`}</a>
      ),
      run.tier,
      <Age at={run.created} now={now} />,
      run.description,
    ])}
  />
);
