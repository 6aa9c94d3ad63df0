import type { Result } from "../../core/index.ts";
import type { ResultKey } from "../../results/index.ts";
import { type CanaryFilter, listCanaryMoves } from "./canaries.ts";
import { listChanges, showChange } from "./changes.ts";
import { showFamily } from "./family-view.ts";
import type {
  AuditView,
  CanaryMove,
  ChangeItem,
  ChangeView,
  ComponentView,
  FamilyView,
  List,
  ListFilter,
  PinSetItem,
  PinSetView,
  RegistriesView,
  ReleaseItem,
  ReleaseView,
  RunFilter,
  RunItem,
  RunView,
  StatusView,
  TrainPlanView,
  TrainView,
  WhyView,
} from "./model.ts";
import { type PinSetFilter, showPinSet, showPinSets } from "./pin-sets.ts";
import { lastFeedSeq, runRow } from "./records.ts";
import { showAudit, showRegistries } from "./registries.ts";
import { listReleases, showRelease } from "./releases.ts";
import { listRuns, resultKeyOfRow, showRun } from "./runs.ts";
import type { ViewSources } from "./sources.ts";
import { showComponent, showStatus } from "./status.ts";
import { showTrain, showTrainPlan } from "./trains.ts";
import { explain } from "./why.ts";

/** The reading side, shared by pages and API. Everything answered can be written as JSON. Faults: `not-found`. */
export interface Views {
  family(): Promise<FamilyView>;
  status(component?: string): Promise<Result<StatusView>>;
  component(name: string): Promise<Result<ComponentView>>;
  changes(filter: ListFilter): Promise<List<ChangeItem>>;
  /** The history of a component's canary tags. */
  canaries(component: string, filter: CanaryFilter): Promise<Result<List<CanaryMove>>>;
  change(component: string, number: number): Promise<Result<ChangeView>>;
  runs(filter: RunFilter): Promise<List<RunItem>>;
  run(idOrBuildId: string): Promise<Result<RunView>>;
  /** Where the log and artifacts of a run's newest attempt are; `undefined` before the first, or without such a run. */
  resultKey(idOrBuildId: string): Promise<ResultKey | undefined>;
  releases(filter: ListFilter): Promise<List<ReleaseItem>>;
  release(id: string): Promise<Result<ReleaseView>>;
  /** Which registry has what, and what an audit found. */
  registries(component?: string): Promise<RegistriesView>;
  audit(): Promise<AuditView>;
  /** Sets of images that were tested together, newest first. */
  pinSets(filter: PinSetFilter): Promise<List<PinSetItem>>;
  pinSet(id: string, other?: string): Promise<Result<PinSetView>>;
  train(): Promise<TrainPlanView>;
  oneTrain(id: string): Promise<Result<TrainView>>;
  why(subject: string): Promise<Result<WhyView>>;
  /** Sequence of the newest event: what a page shows is at least this new. */
  lastEvent(): Promise<number>;
}

export function createViews(sources: ViewSources): Views {
  return {
    family: () => showFamily(sources),
    status: (component) => showStatus(sources, component),
    component: (name) => showComponent(sources, name),
    canaries: (component, filter) => listCanaryMoves(sources, component, filter),
    changes: (filter) => listChanges(sources, filter),
    change: (component, number) => showChange(sources, component, number),
    runs: (filter) => listRuns(sources, filter),
    run: (idOrBuildId) => showRun(sources, idOrBuildId),
    resultKey: async (idOrBuildId) => {
      const row = await runRow(sources.db, idOrBuildId);
      return row && resultKeyOfRow(row);
    },
    releases: (filter) => listReleases(sources, filter),
    release: (id) => showRelease(sources, id),
    registries: (component) => showRegistries(sources, component),
    audit: () => showAudit(sources),
    pinSets: (filter) => showPinSets(sources, filter),
    pinSet: (id, other) => showPinSet(sources, id, other),
    train: () => showTrainPlan(sources),
    oneTrain: (id) => showTrain(sources, id),
    why: (subject) => explain(sources, subject),
    lastEvent: () => lastFeedSeq(sources.db),
  };
}
