import type { Selectable } from "kysely";
import { describeFault } from "../../core/index.ts";
import type { ComponentRow } from "../../store/index.ts";
import type { ChecklistItem, FamilyView } from "./model.ts";
import { canaryCount, changeRows, componentRows, releaseRows, runRows } from "./records.ts";
import { openFindings } from "./registries.ts";
import type { ViewSources } from "./sources.ts";
import { counted, shellWord } from "./text.ts";

/** The family as a whole, and the list that ticks itself until the first release. */
export async function showFamily(sources: ViewSources): Promise<FamilyView> {
  const { db } = sources;
  const family = sources.family();
  const rows = await componentRows(db);
  const stored = family.components.flatMap(({ name }) => rows.get(name) ?? []);
  const [releases, published, changes, merged, runs, canaries] = await Promise.all([
    releaseRows(db, { limit: 1 }),
    releaseRows(db, { state: "published", limit: 1 }),
    changeRows(db, { limit: 1 }),
    changeRows(db, { state: "merged", limit: 1 }),
    runRows(db, { state: "success", limit: 1 }),
    canaryCount(db),
  ]);
  const example = family.components.find((component) => component.kind === "versioned") ?? family.components[0];
  const name = shellWord(example?.name ?? "COMPONENT");
  const branch = rows.get(example?.name ?? "")?.default_branch ?? "main";
  const checklist: readonly ChecklistItem[] = [
    done("The server runs and keeps its state in its home. Back that folder up.", "fairlead backup"),
    {
      ...done(`The family file was read: ${counted(family.components.length, "component")}.`, "fairlead check"),
    },
    repositoriesItem(family.components.length, stored),
    clusterItem(family.kubernetes.cluster, family.components.filter((component) => component.deployed).length),
    step(
      changes.length > 0 && runs.length > 0,
      "Have a first change tested, merged with its base.",
      `git push origin HEAD:refs/for/${shellWord(branch)}`,
    ),
    step(merged.length > 0, "Merge it.", `fairlead merge ${name} 1`),
    step(canaries > 0, "See the first canary image: it is built once the branch is green.", "fairlead runs"),
    step(
      published.length > 0,
      "Tag a release. This shows first what would happen, without doing it.",
      `fairlead release ${name} --dry-run`,
    ),
  ];
  const fresh = releases.length === 0;
  const problem = sources.problem?.();
  const waiting = checklist.find((item) => item.mark === "queued");
  return {
    family: family.name,
    components: family.components.length,
    fresh,
    checklist,
    cluster: family.kubernetes.cluster,
    notes:
      family.kubernetes.cluster === "none" && family.components.some((component) => component.deployed)
        ? ["No cluster is set: Kubernetes tests are not run here, and what needs them is never green."]
        : [],
    auditFindings: await openFindings(db),
    problem: problem ? describeFault({ ...problem, hint: undefined }) : null,
    next: {
      urgency: "ready",
      text: fresh ? "clone a component and propose a change" : (waiting?.text ?? "where each component stands"),
      command: fresh && example ? `git clone ${sources.url()}/git/${example.name}.git` : "fairlead status",
    },
  };
}

function done(text: string, command: string): ChecklistItem {
  return { mark: "success", word: "done", text, command };
}

function step(isDone: boolean, text: string, command: string): ChecklistItem {
  return isDone ? done(text, command) : { mark: "queued", word: "to do", text, command };
}

function repositoriesItem(all: number, stored: readonly Selectable<ComponentRow>[]): ChecklistItem {
  const adopted = stored.filter((row) => row.state === "adopted");
  const unreachable = stored.filter((row) => row.state === "unreachable");
  const commits = adopted.reduce((sum, row) => sum + row.commits, 0);
  const tags = adopted.reduce((sum, row) => sum + row.adopted_tags, 0);
  const found = `${counted(commits, "commit")} and ${counted(tags, "tag")}: adopted, never rebuilt.`;
  const note = `${adopted.length} of ${all}`;
  const first = unreachable[0];
  if (first) {
    const text = `Not every repository could be read. ${first.name}: ${first.state_detail || "unreachable"}.`;
    return { mark: "error", word: "not read", text, command: "fairlead check", note };
  }
  if (adopted.length < all) {
    return { mark: "running", word: "copying", text: `Repositories are being copied. ${found}`, note };
  }
  return {
    mark: "success",
    word: "done",
    text: `Repositories were copied. ${found}`,
    command: "fairlead status",
    note,
  };
}

function clusterItem(cluster: string, deployed: number): ChecklistItem {
  if (deployed === 0) return { mark: "skipped", word: "skipped", text: "Kubernetes tests: no component needs them." };
  if (cluster === "none") {
    return {
      mark: "notrun",
      word: "not run here",
      text: `Kubernetes tests: no cluster is set, so ${counted(deployed, "deployed component")} cannot be tested on one. Set kubernetes: {cluster: kind} in fairlead.yaml.`,
      command: "fairlead doctor",
      note: "optional to start",
    };
  }
  return done(`Kubernetes tests run on clusters of kind "${cluster}".`, "fairlead doctor");
}
