import type { Selectable } from "kysely";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { DecisionRow } from "../../store/index.ts";
import { showChange } from "./changes.ts";
import type { NextStep, WhyStep, WhyView } from "./model.ts";
import {
  builtImageByDigest,
  canaryOfImage,
  decisionsAbout,
  decisionsOfCommit,
  decisionsOfComponent,
  publicationsOfImage,
  runRow,
} from "./records.ts";
import { showRelease } from "./releases.ts";
import { showRun } from "./runs.ts";
import type { ViewSources } from "./sources.ts";
import { showStatus } from "./status.ts";
import { iso, pagePath, shellWord, shortCommit } from "./text.ts";

/**
 * The stored decisions about one thing as a chain of reasons, oldest first. The subject is taken, in this order, for a
 * change (`component#7`), a release (`component@v1.0.0`), an image (a digest or `…/image:tag`), a component, a run, a
 * commit. Fault `not-found` names what was tried.
 */
export async function explain(sources: ViewSources, given: string): Promise<Result<WhyView>> {
  const subject = given.trim().slice(0, 400);
  if (subject === "") return err(notFound("nothing"));
  const found =
    (await whyChange(sources, subject)) ??
    (await whyRelease(sources, subject)) ??
    (await whyImage(sources, subject)) ??
    (await whyComponent(sources, subject)) ??
    (await whyRun(sources, subject)) ??
    (await whyCommit(sources, subject));
  return found ? ok(found) : err(notFound(subject));
}

function notFound(subject: string) {
  return fault("not-found", `nothing is known about ${subject}`, {
    hint: "give a change (component#7), a release (component@v1.0.0), a run, a commit, an image or a component",
  });
}

type Chain = { readonly rows: readonly Selectable<DecisionRow>[]; readonly more: boolean };

function viewOf(
  subject: string,
  kind: string,
  answer: string,
  chain: Chain,
  page: string | null,
  next: NextStep,
): WhyView {
  return { subject, kind, answer, chain: chain.rows.map(whyStep), leftOut: chain.more ? 1 : 0, page, next };
}

function whyStep(row: Selectable<DecisionRow>): WhyStep {
  return {
    at: iso(row.at),
    component: row.component,
    kind: row.kind,
    subject: row.subject,
    commit: row.commit_id,
    reason: row.reason,
    configHash: row.config_hash,
    page: pageOfSubject(row),
  };
}

function pageOfSubject(row: Selectable<DecisionRow>): string | null {
  if (["run", "abort"].includes(row.kind)) return pagePath.run(row.subject);
  if (["release", "quarantine", "release-step"].includes(row.kind)) return pagePath.release(row.subject);
  const change = changeShape.exec(row.subject);
  return change?.[1] === undefined ? null : pagePath.change(change[1], Number(change[2]));
}

const changeShape = /^([^#\s]+)#(\d{1,9})$/;

async function whyChange(sources: ViewSources, subject: string): Promise<WhyView | undefined> {
  const match = changeShape.exec(subject);
  if (match?.[1] === undefined) return undefined;
  const change = await showChange(sources, match[1], Number(match[2]));
  if (!change.ok) return undefined;
  const { value } = change;
  const runs = [...value.required.runs, ...value.optional, ...value.earlier].map((run) => run.id);
  const chain = await decisionsAbout(sources.db, [subject, ...runs]);
  const answer =
    value.state === "open"
      ? `change ${value.number} of ${value.component} is open; ${value.blockers.length === 0 ? "nothing blocks it" : value.blockers.join("; ")}`
      : `change ${value.number} of ${value.component} is ${value.state}`;
  return viewOf(subject, "change", answer, chain, pagePath.change(value.component, value.number), value.next);
}

/** Also `component v1.0.0`, as it is said on the command line. */
async function whyRelease(sources: ViewSources, subject: string): Promise<WhyView | undefined> {
  const id = subject.replace(/^(\S+)\s+(\S+)$/, "$1@$2");
  if (!id.includes("@") || id.includes("sha256:")) return undefined;
  const release = await showRelease(sources, id);
  const about = [id, ...(release.ok && release.value.run ? [release.value.run.id] : [])];
  const chain = await decisionsAbout(sources.db, about);
  if (!release.ok) {
    if (chain.rows.length === 0) return undefined;
    const next = { urgency: "none" as const, text: "see its component", command: "fairlead status" };
    return viewOf(subject, "tag", `${id} led to no release`, chain, null, next);
  }
  const { value } = release;
  const answer = `${value.version} of ${value.component} is ${value.state}: ${value.reason}`;
  return viewOf(subject, "release", answer, chain, pagePath.release(value.id), value.next);
}

async function whyImage(sources: ViewSources, subject: string): Promise<WhyView | undefined> {
  const digest = /sha256:[0-9a-f]{64}$/.exec(subject)?.[0];
  const named = /^(?:.*\/)?([^/:@]+):([A-Za-z0-9_][\w.+-]*)$/.exec(subject);
  const image =
    digest === undefined
      ? named?.[1] !== undefined && named[2] !== undefined
        ? { name: named[1], tag: named[2] }
        : undefined
      : { digest };
  if (!image) return undefined;
  const [publication] = await publicationsOfImage(sources.db, image);
  if (publication) {
    const release = await whyRelease(sources, publication.release_id);
    return release && { ...release, subject, kind: "image" };
  }
  const canary = await canaryOfImage(sources.db, image);
  const runId = canary?.run_id ?? (digest && (await builtImageByDigest(sources.db, digest))?.run_id);
  if (!runId) return undefined;
  const run = await whyRun(sources, runId);
  if (!run) return undefined;
  const answer = canary
    ? `${canary.image} was published as ${canary.tag} from ${shortCommit(canary.commit_id)}`
    : `it was built by run ${runId} and published nowhere`;
  return { ...run, subject, kind: "image", answer };
}

async function whyComponent(sources: ViewSources, subject: string): Promise<WhyView | undefined> {
  const status = await showStatus(sources, subject);
  const row = status.ok ? status.value.items[0] : undefined;
  if (!row) return undefined;
  const chain = await decisionsOfComponent(sources.db, subject);
  return viewOf(subject, "component", row.next.text, chain, pagePath.component(subject), row.next);
}

async function whyRun(sources: ViewSources, subject: string): Promise<WhyView | undefined> {
  const stored = await runRow(sources.db, subject);
  const run = stored ? await showRun(sources, stored.id) : undefined;
  if (!run?.ok) return undefined;
  const { value } = run;
  const about = [value.id, ...(value.release === null ? [] : [value.release])];
  const chain = await decisionsAbout(sources.db, about);
  const answer = `${value.job} is ${value.word}: ${value.description}`;
  return viewOf(subject, "run", answer, chain, pagePath.run(value.id), value.next);
}

async function whyCommit(sources: ViewSources, subject: string): Promise<WhyView | undefined> {
  if (!/^[0-9a-f]{4,64}$/.test(subject)) return undefined;
  const chain = await decisionsOfCommit(sources.db, subject);
  const first = chain.rows[0];
  if (!first) return undefined;
  const commits = new Set(chain.rows.flatMap((row) => (row.commit_id === null ? [] : [row.commit_id])));
  const answer =
    commits.size > 1
      ? `${subject} is the beginning of ${commits.size} commits; the decisions about all of them follow`
      : `what was decided about commit ${shortCommit(first.commit_id ?? subject)} of ${first.component}`;
  return viewOf(subject, "commit", answer, chain, null, {
    urgency: "none",
    text: "where its component stands",
    command: `fairlead status ${shellWord(first.component)}`,
    page: pagePath.component(first.component),
  });
}
