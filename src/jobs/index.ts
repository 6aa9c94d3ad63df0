export { goPathOf, jobEnvironment, pullRefsOf } from "./environment.ts";
export { generateJobs } from "./generated.ts";
export { branchMatches, contextRequired, type FilesAnswer, filesMatch, needsExplicitTrigger } from "./matching.ts";
export { finalStates, type Job, type JobBody, type JobType, type PullRef, type Refs, type RunFacts } from "./model.ts";
