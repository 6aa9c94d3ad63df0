export { commandsIn, helpNote, saysOkToTest } from "./comments.ts";
export {
  type Contexts,
  type DecisionRule,
  decideAutomatic,
  decideForComment,
  decideForPush,
  decideForTag,
  type JobDecision,
  requiredFor,
  type Subject,
} from "./decisions.ts";
export { injectedNames, injectedVariables, jobEnvironment } from "./environment.ts";
export { generateJobs } from "./generated.ts";
export { stableWithRelease, testsInClusters } from "./lanes.ts";
export { decideLane } from "./lanes-due.ts";
export { branchMatches, contextRequired, type FilesAnswer, filesMatch, needsExplicitTrigger } from "./matching.ts";
export {
  type CloneSettings,
  type ClusterTest,
  defaultTrigger,
  finalStates,
  type Job,
  type JobBody,
  type JobType,
  type Json,
  type JsonObject,
  jobDefaults,
  type ProwRest,
  type PullRef,
  type Refs,
  type RunFacts,
  type Schedule,
} from "./model.ts";
export { checkCron, decidePeriodic, type PeriodicDecision, type PreviousRun } from "./periodics.ts";
export { type Container, containersOf, expandArguments } from "./pod.ts";
export { type SecretUse, type SecretVolume, secretUses, withSecretsGiven } from "./pod-secrets.ts";
export { type ProwDocument, prowDocument } from "./prow-output.ts";
export { type ProwJobFacts, podMarks, prowJobOf } from "./prowjob.ts";
export { extraRefsOf, goPathOf, primaryRefs, pullRefsOf, refsDocument, workingDirectory } from "./refs.ts";
export { type MissingTest, missingTests } from "./required-tests.ts";
