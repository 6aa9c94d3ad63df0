export {
  type ConfigurationDifference,
  compareDecisions,
  compareJobs,
  type DecisionDifference,
} from "./compare.ts";
export { countedTags } from "./counted-tags.ts";
export { decide } from "./decide.ts";
export { frozenSentence, type GateAnswer, type GateFacts, gate, requiredContexts, saysHowItIsTested } from "./gate.ts";
export { inRepoContext, inRepoProblem } from "./in-repo.ts";
export type * from "./model.ts";
export { changeActions } from "./model.ts";
export { type RefDifference, reconcileRefs } from "./reconcile.ts";
export { refsOf } from "./selection.ts";
export { releaseRuns } from "./tags.ts";
export { mainRefs } from "./ticks.ts";
