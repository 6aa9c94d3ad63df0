export { goPathOf, jobEnvironment, pullRefsOf } from "./environment.ts";
export { generateJobs } from "./generated.ts";
export { branchMatches, contextRequired, type FilesAnswer, filesMatch, needsExplicitTrigger } from "./matching.ts";
export {
  type CloneSettings,
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
export { type Container, containersOf, expandArguments } from "./pod.ts";
export { type ProwJobFacts, prowJobOf } from "./prowjob.ts";
